/* SPDX-License-Identifier: ISC
 *
 * The tables together with the users of the machine: the configuration's system
 * domains appear in the table domains, and their mailboxes in the table users. So
 * expansion knows nothing of where a mailbox comes from.
 */
#ifndef POSTERN_DIRECTORY_SYSTEM_LOOKUP_H
#define POSTERN_DIRECTORY_SYSTEM_LOOKUP_H

#include "common/answers.h"
#include "common/conf.h"
#include "directory/lookup.h"

/* What the table domains has under a system domain. */
#define DOMAIN_SYSTEM STR("S")

struct system_lookup {
	struct lookup tables;
	const struct conf *conf; /* NULL: no system domains */
	/* Whether there is such a user; 0 when that is not known yet. */
	enum user_verdict (*look)(void *ctx, struct str name);
	void *ctx;
	/* Set by a look-up that failed because of it: the name that must be known first. Lives
	 * as long as the pool of that look-up. */
	struct str missing;
};

/* `s` lives as long as what is returned. */
struct lookup system_lookup_get(struct system_lookup *s);
/* The user's name when the address (a key of key.h) is of a system domain; else empty. */
struct str system_lookup_user(const struct conf *conf, struct str address);
/* What a login without a domain is completed with: where the machine's users log in, their first
 * domain; else empty. */
struct str system_lookup_login_domain(const struct conf *conf);

#endif
