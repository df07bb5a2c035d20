/* SPDX-License-Identifier: ISC
 *
 * Makes deliveries of what the scheduler says is next, and knows each transport's
 * way of delivering (its carrier):
 *
 *   local     deliver-local, over common/msg-queue-local.def (queue/local.h)
 *   discard   nothing to do
 *   remote    not in this version: deferred, and said so
 *
 * dispatch_soon is the one call after anything that may have made work: it runs
 * once per round of the event loop.
 */
#ifndef POSTERN_QUEUE_DISPATCH_H
#define POSTERN_QUEUE_DISPATCH_H

#include "common/loop.h"
#include "queue/active.h"
#include "queue/local.h"

struct dispatch {
	struct active *active;
	struct local *local;
	struct event *timer;
	bool scheduled;
	bool stopping;
};

/* Borrows all. */
void dispatch_init(struct dispatch *d, struct active *active, struct local *local);
void dispatch_reset(struct dispatch *d);
void dispatch_soon(struct dispatch *d);
/* Begins nothing any more. */
void dispatch_stop(struct dispatch *d);

struct moment moment_now(void);

#endif
