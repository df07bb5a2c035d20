/* SPDX-License-Identifier: ISC
 *
 * The active set and the spool: recovery, and what cleaning asks.
 *
 * During recovery a message's lists are not made yet: `next` of each recipient is
 * its job's number (message_new), and active_begin turns states into lists.
 * Whatever was recovered may have been delivered by the process before this one.
 */
#include "queue/active.h"
#include "queue/queue-log.h"
#include "common/mem.h"

#include <stdlib.h>

static uint64_t content_size(const struct spool_place *place)
{
	if (place->large || place->content_length > 0)
		return place->content_length;
	return place->length > place->envelope_length ? place->length - place->envelope_length : 0;
}

static void forget_results(struct active *a, struct message *m)
{
	uint16_t *jobs = xreallocarray(NULL, m->recipient_count, sizeof(*jobs));
	message_jobs(m, jobs);
	for (size_t i = 0; i < m->recipient_count; i++)
		active_set_state(a, m, (uint16_t)i, message_first_state(&m->jobs[jobs[i]]), NULL);
	free(jobs);
	m->flags &= (uint8_t)~MESSAGE_WARNED;
	for (size_t i = 0; i < m->job_count; i++) {
		m->jobs[i].attempts = 0;
		m->jobs[i].postponed = false;
	}
}

void active_on_message(struct active *a, uint64_t id, const struct spool_place *place,
    const struct envelope *envelope, const struct recipient *recipients, size_t count)
{
	struct message *m = index_find(&a->messages, id);
	if (m != NULL) {
		message_set_place(m, place);
		forget_results(a, m);
		return;
	}
	if (count == 0 || count > RECIPIENTS_MAX) {
		queue_log_unusable(id, count);
		return;
	}
	m = message_new(a->scheduler, id, envelope, recipients, count, content_size(place));
	message_set_place(m, place);
	m->flags |= MESSAGE_REPEAT;
	index_add(&a->messages, m);
	a->octets += m->size;
	a->recipients += m->open;
}

/* A time of the wall clock on the scheduler's clock. A clock that was wrong then or is now must
 * not make mail wait for years: the distance is bounded. */
static uint64_t scheduler_time(uint64_t wall, struct moment now)
{
	const uint64_t longest = UINT64_C(7) * 86400 * 1000;
	uint64_t wait = wall > now.wall ? wall - now.wall : 0;
	return now.ms + (wait < longest ? wait : longest);
}

static void recall_deferral(
    struct active *a, struct job *job, const struct spool_result *result, struct moment now)
{
	uint32_t attempts = result->attempts < UINT16_MAX ? result->attempts : UINT16_MAX;
	if (job->attempts < attempts)
		job->attempts = (uint16_t)attempts;
	scheduler_postpone_until(a->scheduler, job, scheduler_time(result->next_try, now));
}

static const uint16_t state_after[SPOOL_OUTCOMES] = {
    [SPOOL_DELIVERED] = RECIPIENT_DELIVERED,
    [SPOOL_FAILED] = RECIPIENT_FAILED,
    [SPOOL_DEFERRED] = RECIPIENT_DEFERRED,
    [SPOOL_BOUNCED] = RECIPIENT_BOUNCED,
    [SPOOL_HELD] = RECIPIENT_HELD,
    [SPOOL_RELEASED] = RECIPIENT_READY,
    [SPOOL_SUCCEEDED] = RECIPIENT_SUCCEEDED,
};

void active_on_result(
    struct active *a, uint64_t id, const struct spool_result *result, struct moment now)
{
	struct message *m = index_find(&a->messages, id);
	if (m == NULL || result->number >= m->recipient_count || result->outcome == 0 ||
	    result->outcome >= SPOOL_OUTCOMES)
		return;
	if (result->outcome == SPOOL_WARNED) {
		m->flags |= MESSAGE_WARNED;
		return;
	}
	if (result->outcome == SPOOL_DEFERRED)
		recall_deferral(a, message_job(m, result->number), result, now);
	if (result->outcome == SPOOL_RELEASED)
		m->flags |= MESSAGE_RELEASED;
	message_set_tries(m, result->number, result->first_try, result->last_try);
	const struct why why = {result->status, result->mta, result->reply, result->text,
	    result->tried, result->tried_count};
	active_set_state(a, m, result->number, state_after[result->outcome], &why);
}

void active_on_finished(struct active *a, uint64_t id)
{
	struct message *m = index_find(&a->messages, id);
	if (m != NULL)
		active_finish(a, m, false);
}

void active_begin(struct active *a)
{
	uint64_t id = 0;
	active_apply_settled(a);
	for (struct message *m; (m = index_after(&a->messages, id)) != NULL;) {
		id = m->id;
		if (m->open == 0) {
			active_finish(a, m, true); /* all done, but the finish was not written */
			continue;
		}
		message_link(m);
		active_queue_jobs(a, m);
		active_unhold(a, m);
	}
}

bool active_is_live(const struct active *a, uint64_t id, const struct spool_place *place)
{
	const struct message *m = index_find(&a->messages, id);
	return m != NULL && m->segment == place->segment && m->offset == place->offset;
}

void active_on_moved(struct active *a, uint64_t id, const struct spool_place *place)
{
	struct message *m = index_find(&a->messages, id);
	if (m != NULL)
		message_set_place(m, place);
}

/* --- snapshot ----------------------------------------------------------- */

struct snapshot {
	const struct active *a;
	struct moment now;
	struct pool *pool;
	struct spool_result *results;
	size_t count;
	bool full; /* the pool */
};

static void keep(struct snapshot *s, struct str from, struct str *to)
{
	if (!pool_copy(s->pool, from, to))
		s->full = true;
}

static void keep_tried(struct snapshot *s, const struct why *why, struct spool_result *r)
{
	if (why->tried_count == 0)
		return;
	struct tried *list = pool_array(s->pool, why->tried_count, sizeof(*list));
	s->full = s->full || list == NULL;
	for (size_t i = 0; list != NULL && i < why->tried_count; i++) {
		keep(s, why->tried[i].host, &list[i].host);
		keep(s, why->tried[i].said, &list[i].said);
	}
	r->tried = list;
	r->tried_count = list == NULL ? 0 : why->tried_count;
}

static void add_result(
    struct snapshot *s, const struct message *m, uint16_t number, enum spool_outcome outcome)
{
	struct why why = reasons_why(s->a->reasons, message_recipients(m)[number].reason);
	struct spool_result *r = &s->results[s->count++];
	r->number = number;
	r->outcome = (uint8_t)outcome;
	keep(s, why.status, &r->status);
	keep(s, why.mta, &r->mta);
	keep(s, why.reply, &r->reply);
	keep(s, why.text, &r->text);
	message_tries(m, number, &r->first_try, &r->last_try);
	keep_tried(s, &why, r);
}

static bool add_waiting(void *ctx, const struct message *m, uint16_t number, const struct job *job)
{
	struct snapshot *s = ctx;
	const struct message_recipient *r = &message_recipients(m)[number];
	bool under_way = (r->state & (RECIPIENT_ACTIVE | RECIPIENT_VISIBLE)) != 0;
	bool tried = job != NULL && job->attempts > 0;
	/* Its envelope may still say hold. */
	if (!tried && (job != NULL || under_way) && (m->flags & MESSAGE_RELEASED))
		add_result(s, m, number, SPOOL_RELEASED);
	if (!tried)
		return !s->full;
	s->results[s->count].attempts = job->attempts;
	s->results[s->count].next_try = active_next_try(job, s->now);
	add_result(s, m, number, SPOOL_DEFERRED);
	return !s->full;
}

static const struct {
	uint16_t state;
	uint8_t outcome;
} kept[] = {
    {RECIPIENT_DELIVERED, SPOOL_DELIVERED},
    {RECIPIENT_BOUNCED, SPOOL_BOUNCED},
    {RECIPIENT_FAILED, SPOOL_FAILED},
    {RECIPIENT_HELD, SPOOL_HELD},
    {RECIPIENT_SUCCEEDED, SPOOL_SUCCEEDED},
};

bool active_on_snapshot(const struct active *a, uint64_t id, struct pool *pool,
    struct spool_result **results, size_t *count, struct moment now)
{
	const struct message *m = index_find(&a->messages, id);
	struct snapshot s = {.a = a, .now = now, .pool = pool};
	*count = 0;
	if (m == NULL)
		return true;
	s.results = pool_array(pool, m->recipient_count + 1, sizeof(*s.results));
	if (s.results == NULL)
		return false;
	active_each_open(m, add_waiting, &s);
	const struct message_recipient *list = message_recipients(m);
	for (size_t i = 0; i < m->recipient_count; i++)
		for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++)
			if (list[i].state == kept[k].state)
				add_result(&s, m, (uint16_t)i, kept[k].outcome);
	if (m->flags & MESSAGE_WARNED)
		s.results[s.count++].outcome = SPOOL_WARNED;
	*results = s.results;
	*count = s.count;
	return !s.full;
}
