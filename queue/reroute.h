/* SPDX-License-Identifier: ISC
 *
 * Mail that waits when routes change: directory is asked for every domain of it, and
 * what has another route now is moved to its new destination, or held, discarded or
 * failed as the new route says. What an operator released is not held again.
 *
 * Of mail for other servers whose domain is ours by now each address is asked for. It
 * moves to its mailbox, or to the one address that an alias stands for. Who has no
 * mailbox fails alone, when that was so for `grace_ms` too. An alias of several leaves
 * it on its way, unless its own name is one of them. Mail for a mailbox moves when the
 * domain is another's, or passed on.
 *
 * It goes through the active set a few hundred messages at a time. What is under way is
 * moved when it waits again.
 */
#ifndef POSTERN_QUEUE_REROUTE_H
#define POSTERN_QUEUE_REROUTE_H

#include "queue/active.h"
#include "queue/routing.h"

enum { REROUTE_STEP = 300, REROUTE_ASKS = 200, REROUTE_AGAIN_MS = 30 * 1000 };

enum reroute_phase { REROUTE_IDLE, REROUTE_DOMAINS, REROUTE_ADDRESSES, REROUTE_APPLY };

struct reroute {
	struct active *active;
	struct routing routing; /* its grace_ms is the caller's to set */
	enum reroute_phase phase;
	bool wanted;  /* once more after this pass */
	bool settled; /* a pass has ended */
	uint64_t at;  /* id up to which this phase has come */
	uint32_t generation;
	bool generation_known;
	struct event *timer;
	/* Something was moved, or a pass has ended. May be NULL. */
	void (*on_progress)(void *ctx);
	void *ctx;
};

/* Borrows both. */
void reroute_init(struct reroute *r, struct active *active, struct router *router);
void reroute_reset(struct reroute *r);
/* Everything is routed afresh; during a pass, once more after it. */
void reroute_begin(struct reroute *r);
/* directory says that routes are of this generation: another one than before begins a pass. */
void reroute_on_changed(void *reroute, uint32_t generation);

#endif
