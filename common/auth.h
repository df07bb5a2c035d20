/* SPDX-License-Identifier: ISC
 *
 * SASL mechanisms by name, and the records of the messages about them (auth.def).
 */
#ifndef POSTERN_AUTH_H
#define POSTERN_AUTH_H

#include "common/limits.h"
#include "common/tls-facts.h"
#include "common/wire.h"

enum auth_mechanism {
	AUTH_PLAIN = 1,		     /* RFC 4616 */
	AUTH_LOGIN = 2,		     /* draft-murchison-sasl-login: what old clients know */
	AUTH_SCRAM_SHA_256 = 4,	     /* RFC 7677 */
	AUTH_SCRAM_SHA_256_PLUS = 8, /* the same, bound to the TLS connection */
	AUTH_MECHANISMS = 15,
};

/* 0: there is none of that name. */
unsigned auth_mechanism_find(struct str name);
const char *auth_mechanism_name(unsigned mechanism);
/* Those of `mask` that make sense on a connection: PLUS stands and falls with a channel binding.
 * `tls` NULL: none. */
unsigned auth_mechanisms_here(unsigned mask, const struct tls_facts *tls);
/* " PLAIN LOGIN", strongest first. */
#define AUTH_NAMES_SIZE 64
void auth_mechanisms_list(unsigned mask, char out[AUTH_NAMES_SIZE]);

#define TABLE "common/auth.def"
#include "common/msg-declare.h"
#undef TABLE

/* The channel bindings of a connection; `tls` NULL: none. They point into *tls. */
void auth_start_bind(struct auth_start *start, const struct tls_facts *tls);

#endif
