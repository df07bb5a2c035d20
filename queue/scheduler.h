/* SPDX-License-Identifier: ISC
 *
 * What is tried when: the order in which jobs become deliveries.
 *
 * Pure: time is an argument (milliseconds on a clock that never goes back),
 * chance comes from the seed, nothing is read or written, so days of retries are
 * simulated in milliseconds.
 *
 * A transport has a limit of deliveries under way; destinations of a transport
 * take turns, senders within a destination take turns (queue/destination.h), a
 * sender's jobs go in their order.
 *
 * How destinations share the limit, so that none delays mail for another (P5), is
 * in queue/share.h; what is said of a single destination in queue/policies.h.
 *
 * Retry times are a job's own: `first` seconds, doubled with each attempt up to
 * `max`, less up to a quarter of chance.
 *
 * A destination with a rate (queue/pace.h) starts nothing while it has no token;
 * the heap brings it back. Starts happen at the time of the last scheduler_due or
 * scheduler_done.
 *
 * A delivery has a slot of the limit and of its destination's window. When all of it
 * is sent and only the other side's verdict is to come, one more delivery to the same
 * destination may begin in that slot (scheduler_offer): the slot is free when both have
 * ended. It goes to who would get it if it were free.
 *
 * Life of a job: scheduler_adopt; scheduler_ready; scheduler_next finds it and
 * scheduler_started says that a delivery began; scheduler_done for each delivery
 * that ended; after a deferral scheduler_postpone and, when nothing of it is under
 * way any more, scheduler_wait until scheduler_due gives it back; scheduler_release.
 */
#ifndef POSTERN_QUEUE_SCHEDULER_H
#define POSTERN_QUEUE_SCHEDULER_H

#include "common/envelope.h"
#include "queue/destination.h"

struct conf;
struct policies;
struct scheduler;

enum { TRANSPORT_COUNT = TRANSPORT_HOLD + 1 };

struct transport_policy {
	unsigned limit; /* deliveries under way, all destinations together; 0: paused */
	struct destination_policy destination;
};

struct scheduler *scheduler_new(uint64_t seed);
/* A process begins: what an earlier one spent of a destination's rate is not known, so destinations
 * that are met from now on have no tokens from before `now` (milliseconds). */
void scheduler_begin(struct scheduler *s, uint64_t now);
/* Jobs that are still queued are forgotten, not freed. */
void scheduler_free(struct scheduler *s);
void scheduler_set_transport(
    struct scheduler *s, enum transport transport, const struct transport_policy *policy);
void scheduler_set_retry(struct scheduler *s, const struct retry_policy *policy);
/* Single destinations of TRANSPORT_REMOTE. Takes it; the one before is freed. NULL: none. */
void scheduler_set_policies(struct scheduler *s, struct policies *policies);
/* All three of these from the configuration. */
void scheduler_configure(struct scheduler *s, const struct conf *conf);

/* Finds or makes it. It stays as long as jobs refer to it, and a while longer. */
struct destination *scheduler_destination(
    struct scheduler *s, enum transport transport, struct str nexthop);

/* NULL when there is none. */
const struct destination *scheduler_find_destination(
    const struct scheduler *s, enum transport transport, struct str nexthop);

/* A new, zeroed job becomes an idle one for this destination. */
void scheduler_adopt(struct scheduler *s, struct job *job, struct destination *to, uint32_t sender);
/* An idle or waiting job leaves. */
void scheduler_release(struct scheduler *s, struct job *job);

/* An idle or waiting job may go now; a ready one stays where it is. It keeps the time it was
 * postponed to, for what of it stays deferred. */
void scheduler_ready(struct scheduler *s, struct job *job);
/* Something of the job was deferred: chooses the time of its next round, once a round, by the
 * number of its attempts. Nothing happens until scheduler_wait; a waiting job keeps its time. */
void scheduler_postpone(struct scheduler *s, struct job *job, uint64_t now);
/* The same with a given time (milliseconds), and no attempt counted; never makes it earlier. */
void scheduler_postpone_until(struct scheduler *s, struct job *job, uint64_t when);
/* When the next round of a postponed job begins, milliseconds. */
uint64_t scheduler_postponed_until(const struct job *job);
/* An idle, postponed job waits for its time. */
void scheduler_wait(struct scheduler *s, struct job *job);
/* A waiting job is idle now, as if it were due. */
void scheduler_hurry(struct scheduler *s, struct job *job);
/* A ready job is idle now. Takes as long as its sender's turn has jobs in front of it. */
void scheduler_withdraw(struct scheduler *s, struct job *job);

/* The job whose delivery begins next, or NULL: nothing is ready, or no slot is free. */
struct job *scheduler_next(struct scheduler *s, enum transport transport);
/* A delivery of the job that scheduler_next gave began. Without `more` it is idle now, else it
 * is ready for its sender's next turn. */
void scheduler_started(struct scheduler *s, struct job *job, bool more);
/* A delivery of the job ended. */
void scheduler_done(
    struct scheduler *s, struct job *job, enum destination_verdict verdict, uint64_t now);

/* In the slot of this delivery of the job one more may begin, until scheduler_take_back. */
void scheduler_offer(struct scheduler *s, struct job *job);
/* It is not possible any more, and was not made use of. */
void scheduler_take_back(struct scheduler *s, struct job *job);
/* As scheduler_next, for the slots that are offered. */
struct job *scheduler_next_ahead(struct scheduler *s, enum transport transport);
/* As scheduler_started, in a slot that its destination was offered, which is taken by it. */
void scheduler_started_ahead(struct scheduler *s, struct job *job, bool more);
/* As scheduler_done, when another delivery goes on in the same slot. */
void scheduler_done_in_slot(
    struct scheduler *s, struct job *job, enum destination_verdict verdict, uint64_t now);

/* The next waiting job that is due, idle now; NULL when there is none (any more). Dead
 * destinations whose back-off is over become probing by the same call. */
struct job *scheduler_due(struct scheduler *s, uint64_t now);
/* When scheduler_due has something to do; UINT64_MAX: never. */
uint64_t scheduler_next_event(const struct scheduler *s);
/* An operator's wish: a dead destination is probed at once. */
void scheduler_probe(struct scheduler *s, struct destination *d);

struct scheduler_figures {
	uint32_t destinations;
	uint32_t waiting; /* jobs */
	unsigned in_flight[TRANSPORT_COUNT];
};
void scheduler_get_figures(const struct scheduler *s, struct scheduler_figures *out);

/* Calls fn for each destination, those included that nothing waits for. */
typedef void scheduler_each_fn(void *ctx, const struct destination *d);
void scheduler_each_destination(const struct scheduler *s, scheduler_each_fn *fn, void *ctx);

#endif
