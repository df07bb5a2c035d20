/* SPDX-License-Identifier: ISC
 *
 * Where mail for a domain goes, and what must hold of TLS there. Pure: it only asks
 * the tables. The order in which a route is looked for (doc/man/postern-tables.5
 * tells operators the same):
 *
 *   routes: the domain, ".parent" from the nearest up;
 *   the configuration's relays whose domains say so, in the same order;
 *   routes: "*";
 *   the first relay without domains;
 *   the domain itself, by its exchangers.
 */
#ifndef POSTERN_DIRECTORY_ROUTE_H
#define POSTERN_DIRECTORY_ROUTE_H

#include "common/nexthop.h"
#include "directory/expand.h"
#include "directory/records.h"

enum route_status {
	ROUTED,
	ROUTE_REFUSED, /* by the operator, or there is no way; `text` */
	ROUTE_UNKNOWN, /* the tables cannot be read now */
	ROUTE_NONE,    /* route_own only: nothing special */
};

struct route {
	enum route_status status;
	enum transport transport; /* ROUTED */
	struct str nexthop;	  /* TRANSPORT_REMOTE, and where TRANSPORT_HOLD will go: empty
				     for a mailbox here */
	struct str text;
};

/* `domain` in lower case, or an address literal. Strings live in the pool or in the tables. */
void route_find(const struct lookup *lookup, const struct expand_rules *rules, struct str domain,
    struct pool *pool, struct route *out);
/* For mailboxes of a domain of ours: its own exact entry alone, else ROUTE_NONE. */
void route_own(
    const struct lookup *lookup, struct str domain, struct pool *pool, struct route *out);

/* The policy for a nexthop that is no relay: its text, its domain or host, ".parent", "*".
 * LOOKUP_NONE: the default holds. */
enum lookup_result route_tls(const struct lookup *lookup, const struct nexthop *nexthop,
    struct pool *pool, struct tls_record *out);

#endif
