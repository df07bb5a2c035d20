/* SPDX-License-Identifier: ISC
 *
 * Between route.c (the way) and route-fault.c (what is said of those who were in vain).
 */
#ifndef POSTERN_REMOTE_ROUTE_INTERNAL_H
#define POSTERN_REMOTE_ROUTE_INTERNAL_H

#include "deliver-remote/route.h"

/* What was noted last is from now on one of those before. */
void route_push(struct route *r);
void route_note_connect(struct route *r, const struct place *place, enum link_fault fault);
void route_note_host(struct route *r, enum link_fault fault, struct str status, struct str text);
void route_note_session(struct route *r, const struct session *s);

#endif
