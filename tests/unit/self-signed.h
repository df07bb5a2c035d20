/* SPDX-License-Identifier: ISC
 *
 * Certificates and keys for tests, made when they are needed.
 */
#ifndef POSTERN_TESTS_SELF_SIGNED_H
#define POSTERN_TESTS_SELF_SIGNED_H

#include "common/str.h"

#include <openssl/evp.h>

struct self_signed {
	EVP_PKEY *key;
	char *certificate_text, *key_text; /* PEM */
};

/* `kind`: "EC", "RSA", "ED25519"; `names`: of subjectAltName, "DNS:a.example,DNS:*.b.example". It
 * is valid for so many days, which may be negative. */
struct self_signed self_signed_make(const char *kind, const char *names, long days);
/* The same from some days on, which may be negative, too. */
struct self_signed self_signed_from(const char *kind, const char *names, long from, long days);
void self_signed_free(struct self_signed *s);

#endif
