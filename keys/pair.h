/* SPDX-License-Identifier: ISC
 *
 * A certificate with its chain and its private key, from two PEM texts, checked against
 * each other. The same for `postern check` as for keys itself.
 */
#ifndef POSTERN_KEYS_PAIR_H
#define POSTERN_KEYS_PAIR_H

#include "common/limits.h"
#include "common/str.h"
#include "common/tls-scheme.h"

#include <openssl/x509.h>

enum {
	PAIR_TEXT_MAX = 256 * 1024, /* octets of one file */
	PAIR_WHY_MAX = 300,
	PAIR_RSA_BITS_MIN = 2048,
	PAIR_RSA_BITS_MAX = 8 * SIGNATURE_MAX,
};

struct pair {
	STACK_OF(X509) * chain; /* the leaf first */
	EVP_PKEY *key;
	bool is_rsa;
	EVP_PKEY_CTX *signing; /* of the last signature's scheme; NULL: there was none */
	const struct tls_scheme *scheme;
};

/* Which of the two a fault is about. */
enum pair_file { PAIR_CHAIN, PAIR_KEY };

struct pair_fault {
	enum pair_file file;
	char why[PAIR_WHY_MAX]; /* for the fault, or, when all is well, a warning or "" */
};

/* False: `fault` says why, and `pair` owns nothing. `now` in seconds since the epoch. */
bool pair_parse(
    struct str chain, struct str key, int64_t now, struct pair *pair, struct pair_fault *fault);
void pair_reset(struct pair *pair);

/* Of the leaf: whether clients would take it for now. */
enum pair_time { PAIR_IN_TIME, PAIR_EXPIRED, PAIR_EARLY };
enum pair_time pair_time(const struct pair *pair, int64_t now);
/* What is wrong with it; "" when nothing is. */
const char *pair_time_text(enum pair_time time);

/* Calls fn for the names of the certificate (RFC 6125 §4.1: DNS names; none: nothing else
 * counts). */
void pair_each_name(const struct pair *pair, void (*fn)(void *ctx, struct str name), void *ctx);

/* The signature of a digest that fits the scheme; 0 when it cannot be. `out` has SIGNATURE_MAX. */
size_t pair_sign(
    struct pair *pair, const struct tls_scheme *scheme, struct str digest, uint8_t *out);

#endif
