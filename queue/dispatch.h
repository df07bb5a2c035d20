/* SPDX-License-Identifier: ISC
 *
 * Makes deliveries of what the scheduler says is next, and knows each transport's
 * way of delivering:
 *
 *   local     deliver-local, over common/msg-queue-local.def (queue/local.h)
 *   discard   nothing to do
 *   remote    deliver-remote, over common/msg-queue-remote.def (queue/remote.h)
 *   hold      none: it waits for an operator
 *
 * dispatch_soon is the one call after anything that may have made work: it runs
 * once per round of the event loop.
 */
#ifndef POSTERN_QUEUE_DISPATCH_H
#define POSTERN_QUEUE_DISPATCH_H

#include "common/loop.h"
#include "queue/active.h"
#include "queue/local.h"
#include "queue/remote.h"

struct dispatch {
	struct active *active;
	struct local *local;
	struct remote *remote;
	struct event *timer;
	bool scheduled;
	bool remote_waits; /* the owner's: nothing begins for other servers while it is set */
	bool stopping;
};

/* Borrows all. */
void dispatch_init(
    struct dispatch *d, struct active *active, struct local *local, struct remote *remote);
void dispatch_reset(struct dispatch *d);
void dispatch_soon(struct dispatch *d);
/* Begins nothing any more. */
void dispatch_stop(struct dispatch *d);

struct moment moment_now(void);

#endif
