/* SPDX-License-Identifier: ISC
 *
 * Between route.c (the way), route-tls.c (what must hold of TLS with a host) and route-fault.c
 * (what is said of those who were in vain).
 */
#ifndef POSTERN_REMOTE_ROUTE_INTERNAL_H
#define POSTERN_REMOTE_ROUTE_INTERNAL_H

#include "deliver-remote/route.h"

/* Its host is an exchanger that DNS names. */
static inline bool route_is_looked_up(const struct route *r)
{
	return r->hop->target.kind == NEXTHOP_DOMAIN;
}

/* `l` NULL: there was nothing to look up. */
void route_expect_tls(struct route *r, const struct lookup *l, enum tls_demand demand);
/* The same of what is decided. False: this host cannot be used; noted. */
bool route_decide_tls(struct route *r, const struct lookup *l);

void route_note_greeter(const struct route *r, const struct session *s);
bool route_is_greeted_by_self(const struct route *r, const struct session *s);
/* What was noted last is from now on one of those before. */
void route_push(struct route *r);
void route_note_connect(struct route *r, const struct place *place, enum link_fault fault);
void route_note_host(struct route *r, enum link_fault fault, struct str status, struct str text);
void route_note_session(struct route *r, const struct session *s);
/* The host under way cannot be what TLS_WISH_REQUIRED wants. */
void route_note_unmet(struct route *r, struct str text);

#endif
