/* SPDX-License-Identifier: ISC
 *
 * Mail that waits for other servers when routes change: directory is asked for
 * every domain of it, and what has another route now is moved to its new
 * destination, or held, discarded or failed as the new route says. What an operator
 * released is not held again.
 *
 * It goes through the active set a few hundred messages at a time. What is under
 * way is moved when it waits again. Mail for a domain that is ours by now stays on
 * its way.
 */
#ifndef POSTERN_QUEUE_REROUTE_H
#define POSTERN_QUEUE_REROUTE_H

#include "queue/active.h"
#include "queue/router.h"

enum { REROUTE_STEP = 300, REROUTE_ASKS = 200, REROUTE_AGAIN_MS = 30 * 1000 };

enum reroute_phase { REROUTE_IDLE, REROUTE_COLLECT, REROUTE_APPLY };

struct reroute {
	struct active *active;
	struct router *router;
	enum reroute_phase phase;
	bool wanted; /* once more after this pass */
	bool again;  /* something could not be moved, or asked, in this pass */
	uint64_t at; /* id up to which this phase has come */
	struct hash *by_domain;
	struct domain_route **domains; /* those of by_domain by number: the tags of asks */
	size_t count, cap;
	size_t pending; /* domains without an answer */
	uint64_t pass;	/* answers to earlier ones are too late */
	uint32_t generation;
	bool generation_known;
	struct event *timer;
	/* Something was moved. May be NULL. */
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
