/* SPDX-License-Identifier: ISC
 *
 * Sessions between two mails: kept by nexthop, as only that says which server, TLS policy and
 * login they are good for. They end by themselves (conf's reuse-idle), when the server ends them,
 * or when there are too many.
 */
#ifndef POSTERN_REMOTE_IDLE_H
#define POSTERN_REMOTE_IDLE_H

#include "deliver-remote/session.h"

enum { IDLE_MAX = 500 };

/* Takes a ready session over; it is told good-bye when it cannot be used again. */
void idle_give(struct session *s, const struct policy *now);
/* The one that was used last and is good for such mail, or NULL. The caller becomes its owner at
 * once. */
struct session *idle_take(const struct hop *hop, enum tls_wish wish);
/* Says good-bye to all of them, or to those only whose hop or policy is not in force any more
 * (`now`: NULL for all). */
void idle_quit(const struct policy *now);
/* Its descriptor is wanted: ends the one that has waited longest, without waiting for the reply to
 * QUIT; false: there is none. */
bool idle_drop(void);
size_t idle_count(void);

#endif
