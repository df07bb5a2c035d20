/* SPDX-License-Identifier: ISC
 *
 * Whom failed logins (guesses.h) and recipients (usage.h) are counted of: a client's address, its
 * networks, a login. A key is the kind's octet and what is counted: an address's octets up to the
 * prefix, or the login. Pure.
 */
#ifndef POSTERN_DIRECTORY_GUESS_KEY_H
#define POSTERN_DIRECTORY_GUESS_KEY_H

#include "common/limits.h"
#include "common/str.h"

enum guess_kind { GUESS_ADDRESS = 1, GUESS_NETWORK = 2, GUESS_SITE = 3, GUESS_LOGIN = 4 };

enum { GUESS_KEY_MAX = 1 + ADDRESS_MAX, GUESS_NAME_SIZE = ADDRESS_MAX + 1 };

/* Where somebody comes from. */
struct guess_source {
	uint8_t size; /* 4 or 16 octets; 0: this machine, by the Unix socket: only logins count */
	uint8_t address[16];
	/* A front end that logs in for others: only logins count, and that a login was used from
	 * there says nothing of who uses it now. */
	bool shared;
};

struct guess_key {
	size_t n;
	uint8_t p[GUESS_KEY_MAX];
};

/* `client` as in messages: "[192.0.2.1]", "[IPv6:2001:db8::1]", "local uid 1000". Not shared. */
struct guess_source guess_source_parse(struct str client);
/* Octets of the address that a kind counts by; 0: it does not apply. */
size_t guess_prefix_size(const struct guess_source *from, enum guess_kind kind);

/* False: there is nothing of that kind to count by. */
bool guess_key_make(
    const struct guess_source *from, struct str login, enum guess_kind kind, struct guess_key *out);
/* Of a kind that is counted, and as long as such a key is. */
bool guess_key_is_sound(struct str key);
/* "192.0.2.1", "192.0.2.0/24", "ann@example.org" of a sound key. */
void guess_key_format(struct str key, char out[GUESS_NAME_SIZE]);
/* The name is the key's; or an address within its network, which would stay refused otherwise; or
 * empty. */
bool guess_key_is_meant(struct str key, struct str name);

static inline struct str guess_key_str(const struct guess_key *k)
{
	return str_from(k->p, k->n);
}

#endif
