/* SPDX-License-Identifier: ISC
 *
 * Between scheduler.c (jobs and time) and scheduler-destinations.c.
 *
 * Invariant: a destination is in one of its transport's lists (queue/share.h)
 * exactly while it has a ready job, a token and room for one more delivery, in
 * `idle` exactly while nothing refers to it; scheduler_update restores it after
 * each change. It is in the share's `ahead` exactly while it has a ready job, a token
 * and a slot in which one more may begin, and did not fail last.
 * A dead destination is in the heap of the dead, one without a token
 * in the heap of the paced, a waiting job in the heap of jobs.
 */
#ifndef POSTERN_QUEUE_SCHEDULER_INTERNAL_H
#define POSTERN_QUEUE_SCHEDULER_INTERNAL_H

#include "queue/policies.h"
#include "queue/scheduler.h"
#include "queue/share.h"

/* A destination's list is one of enum share_list, or: */
enum { LIST_IDLE = SHARE_LISTS, LIST_NONE };

struct transport_queue {
	struct destination_policy policy;
	struct share share;
};

struct scheduler {
	struct transport_queue transports[TRANSPORT_COUNT];
	struct retry_policy retry;
	struct policies *policies; /* NULL: none */
	struct hash *destinations;
	struct hash *turns;
	struct destination_list idle;
	unsigned idle_count;
	struct heap waiting; /* struct job */
	struct heap dead;    /* struct destination */
	struct heap paced;   /* its `token` */
	uint64_t now;
	uint64_t began; /* tokens are counted from then on; 0: from ever */
	uint64_t chance;
};

/* Puts it into the list where it belongs now; an idle one may be forgotten by it. */
void scheduler_update(struct scheduler *s, struct destination *d);
/* One without a token waits for it; call when it was not waiting. */
void scheduler_pace(struct scheduler *s, struct destination *d);
/* Out of whichever list it is in. */
void scheduler_unlist(struct scheduler *s, struct destination *d);
/* Out of the share's `ahead`, if it is there. */
void scheduler_unlist_ahead(struct scheduler *s, struct destination *d);

#endif
