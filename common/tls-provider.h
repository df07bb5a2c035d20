/* SPDX-License-Identifier: ISC
 *
 * A provider for OpenSSL whose keys are elsewhere: it has their public halves, and has
 * digests signed by whoever tls_provider_setup was given. Files: tls-provider.c (keys),
 * tls-provider-sign.c (signatures).
 */
#ifndef POSTERN_TLS_PROVIDER_H
#define POSTERN_TLS_PROVIDER_H

#include "common/str.h"

#include <openssl/evp.h>

/* Octets written to `out`, which has `room`; 0: there is no signature. Within an OpenSSL job
 * (ASYNC_start_job) it may pause that. */
typedef size_t tls_sign_fn(
    uint32_t identity, uint16_t scheme, struct str digest, uint8_t *out, size_t room);

/* Once, before the jail. */
void tls_provider_setup(tls_sign_fn *sign);
/* A key that can sign, with the public half of `public`, RSA or EC; NULL when it is neither. */
EVP_PKEY *tls_provider_key(const EVP_PKEY *public, uint32_t identity);

#endif
