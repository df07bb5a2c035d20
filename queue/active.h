/* SPDX-License-Identifier: ISC
 *
 * The active set: every message that is not finished, and what is known of each
 * of its recipients. It writes that down as the spool's result records, gets it
 * back from the spool at the start, and answers the spool's questions.
 *
 * A recipient's way (queue/recipient-state.h):
 *
 *   READY -> ACTIVE -> VISIBLE -> DELIVERED     the delivery's durable came
 *              |          |-> SUCCEEDED -> DELIVERED  the same, when its sender was told, or need
 *              |          |                           not be; of mail that some want to know of
 *              |          `-> DEFERRED          its group sync failed
 *              |-> DELIVERED or SUCCEEDED       another server took it
 *              |-> DEFERRED -> READY            at its job's next try
 *              |      `-> FAILED                past its lifetime
 *              |-> FAILED -> BOUNCED            when its sender was told, or need not be
 *              `-> READY                        the delivering program went away
 *   READY, DEFERRED -> HELD -> READY            as an operator or its route wishes
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

/* Who tells senders what became of their mail (queue/bounce.h). All may be called again and
 * again for the same message; none may touch the active set before it has returned. */
struct active_notices {
	void (*on_failed)(void *ctx, uint64_t id);  /* it has recipients that are FAILED */
	void (*on_succeeded)(void *ctx, uint64_t id); /* ... that are SUCCEEDED */
	void (*on_overdue)(void *ctx, uint64_t id); /* it waits, and its sender is to know */
	void *ctx;
};

struct active {
	struct scheduler *scheduler;
	struct index messages;
	struct reasons *reasons;
	struct spool *spool;
	uint64_t lifetime;     /* milliseconds; 0: for ever */
	uint64_t delay_notice; /* milliseconds; 0: never */
	uint64_t expire_from;  /* on the scheduler's clock: nothing waits too long before it */
	uint64_t swept;	       /* id up to which active_sweep has come */
	struct active_notices notices; /* functions may be NULL */
	/* A message left the set; called before it is freed. May be NULL. */
	void (*on_finished)(void *ctx, const struct message *m);
	void *ctx;
	struct settled *settled; /* during recovery: what was found settled */
	size_t settled_count;
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
/* The same for scheduler_next_ahead. */
size_t active_start_ahead(struct active *a, struct job *job, uint16_t *numbers, size_t max);
void active_visible(struct active *a, struct message *m, uint16_t number);
void active_delivered(struct active *a, struct message *m, const uint16_t *numbers, size_t n);
/* The same; where some of the message's recipients are to be told of (NOTIFY=SUCCESS), the notices
 * find out whether it is these. */
void active_succeeded(struct active *a, struct message *m, const uint16_t *numbers, size_t n);
/* Try again at the job's next time; past its lifetime it fails instead. */
void active_deferred(struct active *a, struct job *job, uint16_t number, const struct why *why,
    struct moment now);
void active_failed(struct active *a, struct message *m, uint16_t number, const struct why *why);
/* Failed, and nothing is owed to the sender any more. */
void active_bounced(struct active *a, struct message *m, uint16_t number);
/* Its sender was told, or need not be: FAILED becomes BOUNCED, SUCCEEDED DELIVERED. */
void active_told(struct active *a, struct message *m, uint16_t number);
/* The sender knows that it waits. */
void active_warned(struct active *a, struct message *m);
/* The delivery was broken off, nobody knows how far it got: back to the front, P3's repeat set.
 * `why` is shown when it has to wait because this happened to the message often. */
void active_returned(
    struct active *a, struct job *job, uint16_t number, const struct why *why, struct moment now);
/* The message was under way when its delivering program went away: it may be why. Call once a
 * delivery, before active_returned. */
void active_suspect(struct message *m);
/* Nothing of its delivery was tried: it is ready as before. */
void active_untried(struct active *a, struct job *job, uint16_t number);
/* After any of these: queues the job again, or finishes (and frees) the message. True when it
 * was finished. */
bool active_settle(struct active *a, struct job *job);
/* The same where no job is at hand. */
bool active_settle_message(struct active *a, struct message *m);

/* --- time --- */

/* Makes at most `max` due jobs ready; false when there are more. */
bool active_wake(struct active *a, struct moment now, size_t max);
/* Looks at up to `max` messages, going on where it was: what has waited past its lifetime fails,
 * overdue and failed mail is brought to the notices. True when it has come round. */
bool active_sweep(struct active *a, struct moment now, size_t max);

/* --- what operators wish; in active-operator.c --- */

/* Everything of the message that waits is tried now; what is held stays so. */
void active_flush(struct active *a, struct message *m);
/* What waits, or will, is not tried until active_release. */
void active_hold(struct active *a, struct message *m);
/* What is held is tried now; what a route held goes to that route's nexthop, or to a mailbox here
 * when it has none. May free the message and make another of the same id. */
void active_release(struct active *a, struct message *m);
/* Finished without a bounce, and freed; deliveries under way may still happen. */
void active_delete(struct active *a, struct message *m);
/* The message with other routes (message_new_rerouted); frees the old one. Without effect, and
 * false, while a delivery of it is under way. */
bool active_reroute(struct active *a, struct message *m, const struct recipient *recipients);

/* --- the spool's events (queue/spool.h); in active-spool.c --- */

void active_on_message(struct active *a, uint64_t id, const struct spool_place *place,
    const struct envelope *envelope, const struct recipient *recipients, size_t count);
void active_on_result(
    struct active *a, uint64_t id, const struct spool_result *result, struct moment now);
void active_on_finished(struct active *a, uint64_t id);
void active_on_settled(struct active *a, const struct spool_settled *settled);
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
/* When the first part of the message expires, since the epoch; UINT64_MAX: never. */
uint64_t active_expires(const struct active *a, const struct message *m);
/* When a deferred recipient of the job is tried next, since the epoch. */
uint64_t active_next_try(const struct job *job, struct moment now);

/* For the files of this module: a recipient's state and reason change together. */
void active_set_state(struct active *a, struct message *m, uint16_t number,
    enum recipient_state state, const struct why *why);
/* The same, keeping the reason. */
void active_change_state(
    struct active *a, struct message *m, uint16_t number, enum recipient_state state);
/* While it was under way an operator disposed of the message: nothing else is to be done with it. */
bool active_is_disposed(struct active *a, struct message *m, uint16_t number);
/* Writes a result down that has no reason. */
void active_record(
    struct active *a, const struct message *m, uint16_t number, enum spool_outcome outcome);
/* What was released from a route that held it gets where it goes; without effect while a delivery
 * of the message is under way (the sweep does it then). May replace the message. */
void active_unhold(struct active *a, struct message *m);
/* The recipients with the routes they have, those that were released with what they get; `list`
 * has room for all. True when there are released ones. */
bool active_routes(const struct message *m, struct recipient *list);
/* When everything was reported; then they are forgotten. */
void active_apply_settled(struct active *a);
void active_forget_settled(struct active *a);
/* Puts a linked message's jobs into the scheduler. */
void active_queue_jobs(struct active *a, struct message *m);
/* Takes the message out and frees it; `tell` the spool. */
void active_finish(struct active *a, struct message *m, bool tell);

#endif
