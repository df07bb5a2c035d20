/* SPDX-License-Identifier: ISC
 *
 * The signature schemes of TLS (RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1) that sign a
 * digest, as both who asks for a signature and who gives it need them. SHA-1 is not
 * among them, nor Ed25519, which signs whole messages.
 */
#ifndef POSTERN_TLS_SCHEME_H
#define POSTERN_TLS_SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_scheme_kind { TLS_SCHEME_ECDSA, TLS_SCHEME_PKCS1, TLS_SCHEME_PSS };

struct tls_scheme {
	uint16_t code;
	enum tls_scheme_kind kind;
	const char *hash; /* as OpenSSL calls it */
	size_t digest;	  /* octets */
};

/* NULL: none of ours. */
const struct tls_scheme *tls_scheme_find(uint16_t code);
const struct tls_scheme *tls_scheme_of(enum tls_scheme_kind kind, const char *hash);

#endif
