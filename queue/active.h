/* SPDX-License-Identifier: ISC
 *
 * The active set: every message that is not finished, and what is known of each
 * of its recipients. It writes that down as the spool's result records, gets it
 * back from the spool at the start, and answers the spool's questions.
 *
 * A recipient's way (queue/recipient-state.h):
 *
 *   READY -> ACTIVE -> VISIBLE -> DELIVERED     the delivery's durable came
 *              |          `-> DEFERRED          its group sync failed
 *              |-> DEFERRED -> READY            at its job's next try
 *              |-> FAILED                       a bounce is owed; the message stays
 *              `-> READY                        the delivering program went away
 *
 * A message whose recipients are all DELIVERED or BOUNCED is finished: it leaves
 * the set, and the spool is told.
 *
 * Time is an argument; the log and the spool are the only effects.
 */
#ifndef POSTERN_QUEUE_ACTIVE_H
#define POSTERN_QUEUE_ACTIVE_H

#include "queue/index.h"
#include "queue/message.h"
#include "queue/reasons.h"

/* New mail is refused above it: 200 octets each. */
#define ACTIVE_RECIPIENTS_MAX 5000000

struct moment {
	uint64_t ms;   /* on a clock that never goes back; the scheduler's */
	uint64_t wall; /* since the epoch */
};

struct active {
	struct scheduler *scheduler;
	struct index messages;
	struct reasons *reasons;
	struct spool *spool;
	uint64_t lifetime; /* milliseconds */
	/* A message left the set; called before it is freed. May be NULL. */
	void (*on_finished)(void *ctx, const struct message *m);
	void *ctx;
	uint64_t recipients;			/* not done */
	uint64_t octets;			/* of content */
	uint64_t accepted, delivered, deferred; /* since the start */
};

void active_init(struct active *a, uint64_t seed);
/* Frees everything; the spool is not told. */
void active_reset(struct active *a);

/* A committed message, made by message_new with this set's scheduler, enters; its recipients may
 * be tried now. The set owns it from here. */
void active_commit(struct active *a, struct message *m, const struct spool_place *place);

/* --- what deliveries do (queue/dispatch.h) --- */

/* A delivery of the job that scheduler_next gave begins: its next recipients, at most `max`,
 * become ACTIVE; returns how many are in `numbers`. */
size_t active_start(struct active *a, struct job *job, uint16_t *numbers, size_t max);
void active_visible(struct active *a, struct message *m, uint16_t number);
void active_delivered(struct active *a, struct message *m, const uint16_t *numbers, size_t n);
/* Try again at the job's next time. */
void active_deferred(
    struct active *a, struct job *job, uint16_t number, struct str why, struct moment now);
void active_failed(struct active *a, struct message *m, uint16_t number, struct str why);
/* The delivery was broken off, nobody knows how far it got: back to the front, P3's repeat set.
 * `why` is shown when it has to wait because this happened to the message often. */
void active_returned(
    struct active *a, struct job *job, uint16_t number, struct str why, struct moment now);
/* The message was under way when its delivering program went away: it may be why. Call once a
 * delivery, before active_returned. */
void active_suspect(struct message *m);
/* After any of these: queues the job again, or finishes (and frees) the message. True when it
 * was finished. */
bool active_settle(struct active *a, struct job *job);

/* --- time --- */

/* Makes at most `max` due jobs ready; false when there are more. */
bool active_wake(struct active *a, struct moment now, size_t max);
/* An operator's wish: everything of the message that waits is tried now. */
void active_flush(struct active *a, struct message *m);

/* --- the spool's events (queue/spool.h); in active-spool.c --- */

void active_on_message(struct active *a, uint64_t id, const struct spool_place *place,
    const struct envelope *envelope, const struct recipient *recipients, size_t count);
void active_on_result(
    struct active *a, uint64_t id, const struct spool_result *result, struct moment now);
void active_on_finished(struct active *a, uint64_t id);
/* Recovery is over: everything is queued as its states say. */
void active_begin(struct active *a);
bool active_is_live(const struct active *a, uint64_t id, const struct spool_place *place);
bool active_on_snapshot(const struct active *a, uint64_t id, struct pool *pool,
    struct spool_result **results, size_t *count, struct moment now);
void active_on_moved(struct active *a, uint64_t id, const struct spool_place *place);

/* For lists: calls fn for each recipient that is not done, those that wait first, until fn
 * returns false. `job` is NULL for those that are in no job's list. */
typedef bool active_each_fn(
    void *ctx, const struct message *m, uint16_t number, const struct job *job);
void active_each_open(const struct message *m, active_each_fn *fn, void *ctx);
/* When a deferred recipient of the job is tried next, since the epoch. */
uint64_t active_next_try(const struct job *job, struct moment now);

/* For active.c and active-spool.c: a recipient's state and reason change together. */
void active_set_state(struct active *a, struct message *m, uint16_t number,
    enum recipient_state state, struct str why);
/* Takes the message out and frees it; `tell` the spool. */
void active_finish(struct active *a, struct message *m, bool tell);

#endif
