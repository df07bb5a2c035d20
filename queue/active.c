/* SPDX-License-Identifier: ISC
 *
 * Invariant: a recipient's state is changed by active_set_state only; `open` of a
 * message counts its recipients that are not RECIPIENT_DONE; READY recipients are
 * in their job's ready list and DEFERRED ones in its deferred list.
 *
 * Never: write DELIVERED to the spool before the delivery is durable, or clear
 * MESSAGE_REPEAT.
 */
#include "queue/active.h"
#include "queue/queue-log.h"

#include <stdlib.h>

/* How often a message may be under way when a delivering program dies before it is suspected
 * to be the cause and has to wait; see crash_delay. */
enum { CRASHES_FREE = 3, CRASH_DELAY_MAX_S = 300 };

void active_init(struct active *a, uint64_t seed)
{
	*a = (struct active){
	    .scheduler = scheduler_new(seed), .reasons = reasons_new(REASONS_OCTETS_MAX)};
}

void active_reset(struct active *a)
{
	uint64_t id = 0;
	for (struct message *m; (m = index_after(&a->messages, id)) != NULL;) {
		id = m->id;
		index_remove(&a->messages, id);
		free(m);
	}
	index_reset(&a->messages);
	scheduler_free(a->scheduler);
	reasons_free(a->reasons);
	*a = (struct active){0};
}

void active_set_state(struct active *a, struct message *m, uint16_t number,
    enum recipient_state state, struct str why)
{
	struct message_recipient *r = &message_recipients(m)[number];
	bool was_done = (r->state & RECIPIENT_DONE) != 0, is_done = (state & RECIPIENT_DONE) != 0;
	uint32_t reason = reasons_get(a->reasons, why);
	reasons_put(a->reasons, r->reason);
	r->reason = reason;
	r->state = (uint8_t)state;
	if (was_done == is_done)
		return;
	m->open = (uint16_t)(is_done ? m->open - 1 : m->open + 1);
	a->recipients = is_done ? a->recipients - 1 : a->recipients + 1;
}

/* The same, keeping the reason of the last try. */
static void change_state(struct message *m, uint16_t number, enum recipient_state state)
{
	message_recipients(m)[number].state = (uint8_t)state;
}

static void record(struct active *a, const struct message *m, const struct spool_result *result)
{
	struct spool_place place = message_place(m);
	spool_result(a->spool, m->id, &place, result);
}

void active_finish(struct active *a, struct message *m, bool tell)
{
	struct message_recipient *list = message_recipients(m);
	struct spool_place place = message_place(m);
	if (a->on_finished != NULL)
		a->on_finished(a->ctx, m);
	if (tell) {
		queue_log_removed(m);
		spool_finish(a->spool, m->id, &place);
	}
	for (size_t i = 0; i < m->recipient_count; i++)
		reasons_put(a->reasons, list[i].reason);
	index_remove(&a->messages, m->id);
	a->octets -= m->size;
	a->recipients -= m->open;
	message_free(a->scheduler, m);
}

void active_commit(struct active *a, struct message *m, const struct spool_place *place)
{
	message_set_place(m, place);
	message_link(m);
	index_add(&a->messages, m);
	a->accepted++;
	a->octets += m->size;
	a->recipients += m->open;
	for (size_t i = 0; i < m->job_count; i++)
		scheduler_ready(a->scheduler, &m->jobs[i]);
}

/* --- deliveries --------------------------------------------------------- */

size_t active_start(struct active *a, struct job *job, uint16_t *numbers, size_t max)
{
	struct message *m = message_of(job);
	size_t n = message_take_ready(m, job, numbers, max);
	for (size_t i = 0; i < n; i++)
		change_state(m, numbers[i], RECIPIENT_ACTIVE);
	scheduler_started(a->scheduler, job, job->own.ready != RECIPIENT_NONE);
	return n;
}

void active_visible(struct active *a, struct message *m, uint16_t number)
{
	active_set_state(a, m, number, RECIPIENT_VISIBLE, (struct str){NULL, 0});
}

/* A finish says it all, so the results of a message's last recipients are not written. */
void active_delivered(struct active *a, struct message *m, const uint16_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		active_set_state(a, m, numbers[i], RECIPIENT_DELIVERED, (struct str){NULL, 0});
	a->delivered += n;
	for (size_t i = 0; i < n && m->open > 0; i++) {
		const struct spool_result result = {
		    .number = numbers[i], .outcome = SPOOL_DELIVERED};
		record(a, m, &result);
	}
}

void active_deferred(
    struct active *a, struct job *job, uint16_t number, struct str why, struct moment now)
{
	struct message *m = message_of(job);
	scheduler_postpone(a->scheduler, job, now.ms);
	active_set_state(a, m, number, RECIPIENT_DEFERRED, why);
	message_push_deferred(m, job, number);
	a->deferred++;
	const struct spool_result result = {.number = number,
	    .outcome = SPOOL_DEFERRED,
	    .next_try = active_next_try(job, now),
	    .attempts = job->attempts,
	    .text = str_head(why, REASON_MAX)};
	record(a, m, &result);
}

void active_failed(struct active *a, struct message *m, uint16_t number, struct str why)
{
	active_set_state(a, m, number, RECIPIENT_FAILED, why);
	const struct spool_result result = {
	    .number = number, .outcome = SPOOL_FAILED, .text = str_head(why, REASON_MAX)};
	record(a, m, &result);
}

void active_suspect(struct message *m)
{
	if (m->crashes < UINT8_MAX)
		m->crashes++;
}

/* Some messages may be what kills the delivering program. One that was there several times
 * waits a little, longer each time, so that the others get through between. */
static uint64_t crash_delay(const struct message *m)
{
	unsigned over = m->crashes < CRASHES_FREE ? 0 : m->crashes - CRASHES_FREE + 1;
	uint64_t seconds = over == 0 ? 0 : over > 8 ? CRASH_DELAY_MAX_S : UINT64_C(1) << over;
	return (seconds < CRASH_DELAY_MAX_S ? seconds : CRASH_DELAY_MAX_S) * 1000;
}

void active_returned(
    struct active *a, struct job *job, uint16_t number, struct str why, struct moment now)
{
	struct message *m = message_of(job);
	uint64_t delay = crash_delay(m);
	m->flags |= MESSAGE_REPEAT;
	if (delay == 0) {
		change_state(m, number, RECIPIENT_READY);
		message_push_ready(m, job, number);
		return;
	}
	scheduler_postpone_until(a->scheduler, job, now.ms + delay);
	active_set_state(a, m, number, RECIPIENT_DEFERRED, why);
	message_push_deferred(m, job, number);
}

bool active_settle(struct active *a, struct job *job)
{
	struct message *m = message_of(job);
	if (m->open == 0) {
		active_finish(a, m, true);
		return true;
	}
	if (job->own.ready != RECIPIENT_NONE)
		scheduler_ready(a->scheduler, job);
	else if (job->own.deferred != RECIPIENT_NONE && job->in_flight == 0 &&
		 job->state == JOB_IDLE)
		scheduler_wait(a->scheduler, job);
	return false;
}

/* --- time --------------------------------------------------------------- */

static void check_lifetime(const struct active *a, struct message *m, struct moment now)
{
	if (a->lifetime == 0 || (m->flags & MESSAGE_OVERDUE) || now.wall < m->arrival + a->lifetime)
		return;
	m->flags |= MESSAGE_OVERDUE;
	queue_log_overdue(m);
}

bool active_wake(struct active *a, struct moment now, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		struct job *job = scheduler_due(a->scheduler, now.ms);
		if (job == NULL)
			return true;
		struct message *m = message_of(job);
		check_lifetime(a, m, now);
		message_wake(m, job);
		scheduler_ready(a->scheduler, job);
	}
	return false;
}

void active_flush(struct active *a, struct message *m)
{
	for (size_t i = 0; i < m->job_count; i++) {
		struct job *job = &m->jobs[i];
		scheduler_probe(a->scheduler, job->to);
		if (job->state != JOB_WAITING)
			continue;
		scheduler_hurry(a->scheduler, job);
		message_wake(m, job);
		scheduler_ready(a->scheduler, job);
	}
}

uint64_t active_next_try(const struct job *job, struct moment now)
{
	uint64_t when = scheduler_postponed_until(job);
	return when <= now.ms ? now.wall : now.wall + (when - now.ms);
}

/* --- lists -------------------------------------------------------------- */

static bool each_in_list(
    const struct message *m, uint16_t number, const struct job *job, active_each_fn *fn, void *ctx)
{
	for (; number != RECIPIENT_NONE; number = message_recipients(m)[number].next)
		if (!fn(ctx, m, number, job))
			return false;
	return true;
}

void active_each_open(const struct message *m, active_each_fn *fn, void *ctx)
{
	enum {
		IN_NO_LIST =
		    RECIPIENT_ACTIVE | RECIPIENT_VISIBLE | RECIPIENT_HELD | RECIPIENT_FAILED
	};
	for (size_t i = 0; i < m->job_count; i++)
		if (!each_in_list(m, m->jobs[i].own.ready, &m->jobs[i], fn, ctx) ||
		    !each_in_list(m, m->jobs[i].own.deferred, &m->jobs[i], fn, ctx))
			return;
	const struct message_recipient *list = message_recipients(m);
	for (size_t i = 0; i < m->recipient_count; i++)
		if ((list[i].state & IN_NO_LIST) && !fn(ctx, m, (uint16_t)i, NULL))
			return;
}
