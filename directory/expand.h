/* SPDX-License-Identifier: ISC
 *
 * What an address stands for: whether its domain is ours, whether it exists, and
 * the final recipients after aliases, catch-alls and address extensions. Pure:
 * it only asks the tables. The order in which one address is looked up
 * (doc/man/postern-tables.5 tells operators the same):
 *
 *   alias of the whole address, mailbox, alias of the local part alone,
 *   the same three without the address extension,
 *   the configuration's postmaster (RFC 5321 §4.5.1), the domain's catch-all.
 *
 * An alias that lists its own address means the mailbox of that name. Mail for a
 * domain that is only passed on, for another's domain, and for mailboxes of a domain
 * that has a route of its own goes where route.h says.
 */
#ifndef POSTERN_DIRECTORY_EXPAND_H
#define POSTERN_DIRECTORY_EXPAND_H

#include "common/conf.h"
#include "common/msg-smtpd-directory.h"
#include "directory/lookup.h"

enum {
	EXPAND_DEPTH_MAX = 32,			   /* aliases of aliases */
	EXPAND_NODES_MAX = 2 * EXPANSION_MAX,	   /* addresses looked at for one RCPT */
	EXPAND_OCTETS_MAX = PACKET_MAX - 8 * 1024, /* of all targets in an answer */
};
/* What a pool needs for the largest expansion. */
#define EXPAND_POOL_MAX ((size_t)16 * 1024 * 1024)

struct expand_rules {
	struct str postmaster; /* a canonical address; empty: none */
	struct str delimiters; /* each begins an address extension; empty: none */
	/* Its relays and LMTP sockets; lives as long as the rules. NULL: nothing is known of
	 * them. */
	const struct conf *conf;
};

enum expand_status {
	EXPAND_OK,
	EXPAND_NOT_OURS,
	EXPAND_NO_MAILBOX,
	EXPAND_REFUSED, /* by the operator; `text` */
	/* Faults of the tables, which `postern table build` lets none of through; `text` is the
	 * address at which it was found. */
	EXPAND_DANGLING, /* an alias's target does not exist */
	EXPAND_LOOP,
	EXPAND_TOO_MANY,
	EXPAND_TOO_DEEP,
	EXPAND_FAILED, /* a table could not be read */
};

struct expansion {
	enum expand_status status;
	struct str text;
	/* EXPAND_OK: at least one, none twice. EXPAND_NOT_OURS: exactly one. */
	struct target *targets;
	size_t count;
};

/* `address` is canonical, or "postmaster" alone. Everything in `out` lives in the pool or in
 * the tables. */
void expand(const struct lookup *lookup, const struct expand_rules *rules, struct str address,
    struct pool *pool, struct expansion *out);

/* Whether the first step leads anywhere: LOOKUP_FOUND for another's domain too. */
enum lookup_result expand_exists(const struct lookup *lookup, const struct expand_rules *rules,
    struct str address, struct pool *pool);

#endif
