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

#include <stdio.h>
#include <stdlib.h>

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
	active_forget_settled(a);
	scheduler_free(a->scheduler);
	reasons_free(a->reasons);
	*a = (struct active){0};
}

static void set_state(
    struct active *a, struct message *m, uint16_t number, enum recipient_state state)
{
	struct message_recipient *r = &message_recipients(m)[number];
	bool was_done = (r->state & RECIPIENT_DONE) != 0, is_done = (state & RECIPIENT_DONE) != 0;
	r->state = state & RECIPIENT_STATES;
	if (was_done == is_done)
		return;
	m->open = (uint16_t)(is_done ? m->open - 1 : m->open + 1);
	a->recipients = is_done ? a->recipients - 1 : a->recipients + 1;
}

void active_set_state(struct active *a, struct message *m, uint16_t number,
    enum recipient_state state, const struct why *why)
{
	struct message_recipient *r = &message_recipients(m)[number];
	uint32_t reason = why == NULL ? 0 : reasons_get(a->reasons, why);
	reasons_put(a->reasons, r->reason);
	r->reason = reason;
	set_state(a, m, number, state);
}

void active_change_state(
    struct active *a, struct message *m, uint16_t number, enum recipient_state state)
{
	set_state(a, m, number, state);
}

static void record(struct active *a, const struct message *m, const struct spool_result *result)
{
	struct spool_place place = message_place(m);
	spool_result(a->spool, m->id, &place, result);
}

void active_record(
    struct active *a, const struct message *m, uint16_t number, enum spool_outcome outcome)
{
	const struct spool_result result = {.number = number, .outcome = (uint8_t)outcome};
	record(a, m, &result);
}

static void record_why(
    struct active *a, const struct message *m, struct spool_result result, const struct why *why)
{
	result.status = why->status;
	result.mta = why->mta;
	result.reply = why->reply;
	result.text = why->text;
	result.tried = why->tried;
	result.tried_count = why->tried_count;
	message_tries(m, result.number, &result.first_try, &result.last_try);
	record(a, m, &result);
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

static size_t take_ready(struct active *a, struct job *job, uint16_t *numbers, size_t max)
{
	struct message *m = message_of(job);
	size_t n = message_take_ready(m, job, numbers, max);
	for (size_t i = 0; i < n; i++)
		active_change_state(a, m, numbers[i], RECIPIENT_ACTIVE);
	return n;
}

size_t active_start(struct active *a, struct job *job, uint16_t *numbers, size_t max)
{
	size_t n = take_ready(a, job, numbers, max);
	scheduler_started(a->scheduler, job, job->own.ready != RECIPIENT_NONE);
	return n;
}

size_t active_start_ahead(struct active *a, struct job *job, uint16_t *numbers, size_t max)
{
	size_t n = take_ready(a, job, numbers, max);
	scheduler_started_ahead(a->scheduler, job, job->own.ready != RECIPIENT_NONE);
	return n;
}

void active_visible(struct active *a, struct message *m, uint16_t number)
{
	active_set_state(a, m, number, RECIPIENT_VISIBLE, NULL);
}

/* A finish says it all, so the results of a message's last recipients are not written. */
void active_delivered(struct active *a, struct message *m, const uint16_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		active_set_state(a, m, numbers[i], RECIPIENT_DELIVERED, NULL);
	a->delivered += n;
	for (size_t i = 0; i < n && m->open > 0; i++)
		active_record(a, m, numbers[i], SPOOL_DELIVERED);
}

/* Whether the sender wants to know is in the spool, so that is for the notices to find out. */
void active_succeeded(struct active *a, struct message *m, const uint16_t *numbers, size_t n)
{
	if ((m->flags & (MESSAGE_SUCCESS | MESSAGE_DELETED)) != MESSAGE_SUCCESS) {
		active_delivered(a, m, numbers, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		active_set_state(a, m, numbers[i], RECIPIENT_SUCCEEDED, NULL);
		active_record(a, m, numbers[i], SPOOL_SUCCEEDED);
	}
	a->delivered += n;
	if (n > 0 && a->notices.on_succeeded != NULL)
		a->notices.on_succeeded(a->notices.ctx, m->id);
}

/* When a message's part for this destination expires; UINT64_MAX: never. */
static uint64_t expiry_of(const struct active *a, const struct message *m, const struct job *job)
{
	uint64_t own = (uint64_t)job->to->policy->lifetime * 1000;
	uint64_t lifetime = own > 0 ? own : a->lifetime;
	return lifetime == 0 ? UINT64_MAX : m->arrival + lifetime;
}

uint64_t active_expires(const struct active *a, const struct message *m)
{
	uint64_t first = UINT64_MAX;
	for (size_t i = 0; i < m->job_count; i++) {
		uint64_t when = expiry_of(a, m, &m->jobs[i]);
		first = when < first ? when : first;
	}
	return first;
}

/* How often it was tried; a try that has just ended may not be counted in its job yet. */
static unsigned tries_of(struct message *m, uint16_t number)
{
	const struct job *job = message_job(m, number);
	bool now = message_recipients(m)[number].state == RECIPIENT_ACTIVE && !job->postponed;
	return job->attempts + (now ? 1u : 0u);
}

/* What was said last is what its sender wants to know; the status says that time is over. */
static void expire(struct active *a, struct message *m, uint16_t number, struct why why)
{
	char text[REASON_MAX];
	unsigned tries = tries_of(m, number);
	int n = snprintf(text, sizeof(text), "delivery time expired after %u %s; %.*s", tries,
	    tries == 1 ? "try" : "tries",
	    STR_ARG(why.text.n > 0 ? why.text : STR("the destination could not be reached")));
	why.status = STR("4.4.7");
	why.text = str_from(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	queue_log_expired(m, number);
	active_failed(a, m, number, &why);
}

bool active_is_disposed(struct active *a, struct message *m, uint16_t number)
{
	if (m->flags & MESSAGE_DELETED) {
		active_bounced(a, m, number);
		return true;
	}
	if (m->flags & MESSAGE_HOLD) {
		active_change_state(a, m, number, RECIPIENT_HELD);
		active_record(a, m, number, SPOOL_HELD);
		return true;
	}
	return false;
}

void active_deferred(
    struct active *a, struct job *job, uint16_t number, const struct why *why, struct moment now)
{
	struct message *m = message_of(job);
	if (active_is_disposed(a, m, number))
		return;
	if (now.wall >= expiry_of(a, m, job)) {
		expire(a, m, number, *why);
		return;
	}
	scheduler_postpone(a->scheduler, job, now.ms);
	destination_note_reason(job->to, why->text);
	active_set_state(a, m, number, RECIPIENT_DEFERRED, why);
	message_push_deferred(m, job, number);
	a->deferred++;
	record_why(a, m,
	    (struct spool_result){.number = number,
		.outcome = SPOOL_DEFERRED,
		.next_try = active_next_try(job, now),
		.attempts = job->attempts},
	    why);
}

void active_failed(struct active *a, struct message *m, uint16_t number, const struct why *why)
{
	if (m->flags & MESSAGE_DELETED) {
		active_bounced(a, m, number);
		return;
	}
	active_set_state(a, m, number, RECIPIENT_FAILED, why);
	record_why(a, m, (struct spool_result){.number = number, .outcome = SPOOL_FAILED}, why);
	if (a->notices.on_failed != NULL)
		a->notices.on_failed(a->notices.ctx, m->id);
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

bool active_settle_message(struct active *a, struct message *m)
{
	return m->open == 0 && active_settle(a, &m->jobs[0]);
}

void active_queue_jobs(struct active *a, struct message *m)
{
	for (size_t i = 0; i < m->job_count; i++) {
		struct job *job = &m->jobs[i];
		if (job->to->transport == TRANSPORT_HOLD)
			continue; /* nothing of it is tried */
		if (job->own.ready != RECIPIENT_NONE)
			scheduler_ready(a->scheduler, job);
		else if (job->own.deferred != RECIPIENT_NONE)
			scheduler_wait(a->scheduler, job);
	}
}

/* --- time --------------------------------------------------------------- */

bool active_wake(struct active *a, struct moment now, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		struct job *job = scheduler_due(a->scheduler, now.ms);
		if (job == NULL)
			return true;
		message_wake(message_of(job), job);
		scheduler_ready(a->scheduler, job);
	}
	return false;
}

/* What waits for a destination that does not answer has no other hour of death. Mail for mailboxes
 * waits as long as our own side needs. */
static void expire_job(struct active *a, struct message *m, struct job *job)
{
	uint16_t number;
	if (job->state == JOB_IDLE || job->to->transport != TRANSPORT_REMOTE)
		return;
	scheduler_withdraw(a->scheduler, job);
	scheduler_hurry(a->scheduler, job);
	while ((number = message_take_waiting(m, job)) != RECIPIENT_NONE)
		expire(a, m, number, reasons_why(a->reasons, message_recipients(m)[number].reason));
}

/* The states of all recipients. */
static unsigned states_of(const struct message *m)
{
	unsigned states = 0;
	for (size_t i = 0; i < m->recipient_count; i++)
		states |= message_recipients(m)[i].state;
	return states;
}

static void sweep_message(struct active *a, struct message *m, struct moment now)
{
	for (size_t i = 0; i < m->job_count && now.ms >= a->expire_from; i++)
		if (now.wall >= expiry_of(a, m, &m->jobs[i]))
			expire_job(a, m, &m->jobs[i]);
	unsigned states = states_of(m);
	bool waits = (states & (RECIPIENT_READY | RECIPIENT_DEFERRED)) != 0;
	if ((states & RECIPIENT_FAILED) && a->notices.on_failed != NULL)
		a->notices.on_failed(a->notices.ctx, m->id);
	if ((states & RECIPIENT_SUCCEEDED) && a->notices.on_succeeded != NULL)
		a->notices.on_succeeded(a->notices.ctx, m->id);
	if (waits && !(m->flags & MESSAGE_WARNED) && a->delay_notice != 0 &&
	    now.wall >= m->arrival + a->delay_notice && a->notices.on_overdue != NULL)
		a->notices.on_overdue(a->notices.ctx, m->id);
}

bool active_sweep(struct active *a, struct moment now, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		struct message *m = index_after(&a->messages, a->swept);
		a->swept = m == NULL ? 0 : m->id;
		if (m == NULL)
			return true;
		active_unhold(a, m);
		sweep_message(a, index_find(&a->messages, a->swept), now);
	}
	return false;
}

uint64_t active_next_try(const struct job *job, struct moment now)
{
	uint64_t when = scheduler_postponed_until(job);
	return when <= now.ms ? now.wall : now.wall + (when - now.ms);
}
