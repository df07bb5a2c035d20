/* SPDX-License-Identifier: ISC
 *
 * A job is what one message owes one destination: the unit that the scheduler
 * queues. It is embedded in the message (queue/message.h), so its size is part of
 * what a waiting recipient costs.
 *
 * JOB_IDLE     nothing is queued: all is under way, done or held
 * JOB_READY    in its sender's turn at the destination
 * JOB_WAITING  for wake.when
 *
 * Deliveries may be under way in every state: a job with more recipients than one
 * delivery carries stays ready while the first ones run.
 */
#ifndef POSTERN_QUEUE_JOB_H
#define POSTERN_QUEUE_JOB_H

#include "queue/heap.h"

struct destination;

enum job_state { JOB_IDLE = 1, JOB_READY = 2, JOB_WAITING = 4 };

struct job {
	struct heap_node wake; /* first; seconds on the scheduler's clock */
	struct destination *to;
	struct job *next;   /* in its sender's turn */
	uint32_t sender;    /* keyed hash of the reverse-path: whose turn it waits for */
	uint16_t in_flight; /* deliveries under way */
	uint16_t attempts;  /* rounds of deliveries in which something was deferred */
	uint8_t state;	    /* enum job_state; changed by the scheduler only */
	uint8_t postponed;  /* this round saw a deferral: wake.when is the next round's time */
	struct {
		uint16_t number; /* the job's place in its message */
		uint16_t ready;	 /* heads of the lists of its recipients */
		uint16_t deferred;
	} own; /* the message's, not the scheduler's */
};

_Static_assert(sizeof(struct job) == 40, "a job is part of what each waiting recipient costs");

#endif
