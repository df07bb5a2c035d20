/* SPDX-License-Identifier: ISC
 *
 * Jobs and time; the destinations and the invariant of both are in scheduler-internal.h.
 */
#include "queue/scheduler-internal.h"
#include "common/mem.h"

#include <stddef.h>
#include <stdlib.h>

/* splitmix64 */
static uint64_t roll(struct scheduler *s)
{
	uint64_t z = s->chance += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t seconds_up(uint64_t ms)
{
	return (uint32_t)((ms + 999) / 1000);
}

struct scheduler *scheduler_new(uint64_t seed)
{
	struct scheduler *s = xcalloc(1, sizeof(*s));
	s->destinations = hash_new(destination_key);
	s->turns = turns_new();
	s->chance = seed;
	s->retry = (struct retry_policy){.first = 60, .max = 4 * 3600};
	TAILQ_INIT(&s->idle);
	for (size_t i = 0; i < TRANSPORT_COUNT; i++)
		share_init(&s->transports[i].share);
	return s;
}

void scheduler_begin(struct scheduler *s, uint64_t now)
{
	s->began = s->now = now;
}

static void free_destination(void *destination, void *ctx)
{
	(void)ctx;
	destination_free(destination);
}

void scheduler_free(struct scheduler *s)
{
	if (s == NULL)
		return;
	turns_free(s->turns);
	hash_each(s->destinations, free_destination, NULL);
	hash_free(s->destinations);
	heap_reset(&s->waiting);
	heap_reset(&s->dead);
	heap_reset(&s->paced);
	policies_free(s->policies);
	free(s);
}

void scheduler_set_retry(struct scheduler *s, const struct retry_policy *policy)
{
	s->retry = *policy;
}

/* --- jobs --------------------------------------------------------------- */

void scheduler_adopt(struct scheduler *s, struct job *job, struct destination *to, uint32_t sender)
{
	job->to = to;
	job->sender = sender;
	job->state = JOB_IDLE;
	to->jobs++;
	scheduler_update(s, to);
}

static void stop_waiting(struct scheduler *s, struct job *job)
{
	if (job->state != JOB_WAITING)
		return;
	heap_remove(&s->waiting, &job->wake);
	job->state = JOB_IDLE;
}

void scheduler_release(struct scheduler *s, struct job *job)
{
	if (job->state == JOB_READY || job->in_flight > 0)
		abort(); /* the turn or the delivery would be left with a dangling job */
	stop_waiting(s, job);
	job->to->jobs--;
	scheduler_update(s, job->to);
}

void scheduler_ready(struct scheduler *s, struct job *job)
{
	if (job->state == JOB_READY)
		return;
	stop_waiting(s, job);
	job->state = JOB_READY;
	destination_push(job->to, s->turns, job);
	scheduler_update(s, job->to);
}

/* Doubled with each attempt, without ever overflowing. */
static uint64_t retry_delay(struct scheduler *s, const struct job *job)
{
	const struct retry_policy *own = &job->to->policy->retry;
	const struct retry_policy *retry = own->first > 0 ? own : &s->retry;
	uint64_t delay = (uint64_t)retry->first * 1000, max = (uint64_t)retry->max * 1000;
	for (unsigned i = 1; i < job->attempts && delay < max; i++)
		delay *= 2;
	if (delay > max)
		delay = max;
	return delay - roll(s) % (delay / 4 + 1);
}

void scheduler_postpone(struct scheduler *s, struct job *job, uint64_t now)
{
	if (job->state == JOB_WAITING || job->postponed)
		return;
	if (job->attempts < UINT16_MAX)
		job->attempts++;
	job->wake.when = seconds_up(now + retry_delay(s, job));
	job->postponed = true;
}

void scheduler_postpone_until(struct scheduler *s, struct job *job, uint64_t when)
{
	(void)s;
	if (job->state == JOB_WAITING || (job->postponed && job->wake.when >= seconds_up(when)))
		return;
	job->wake.when = seconds_up(when);
	job->postponed = true;
}

uint64_t scheduler_postponed_until(const struct job *job)
{
	return (uint64_t)job->wake.when * 1000;
}

void scheduler_wait(struct scheduler *s, struct job *job)
{
	if (job->state != JOB_IDLE)
		abort();
	job->state = JOB_WAITING;
	heap_add(&s->waiting, &job->wake);
}

struct job *scheduler_next(struct scheduler *s, enum transport transport)
{
	const struct destination *d = share_next(&s->transports[transport].share);
	return d == NULL ? NULL : destination_first(d);
}

void scheduler_pace(struct scheduler *s, struct destination *d)
{
	if (pace_is_open(&d->pace, s->now))
		return;
	d->token.when = seconds_up(pace_opens_at(&d->pace));
	heap_add(&s->paced, &d->token);
}

static void spend_token(struct scheduler *s, struct destination *d)
{
	pace_spend(&d->pace, s->now);
	scheduler_pace(s, d);
}

static void take_turn(struct scheduler *s, struct job *job, bool more)
{
	struct destination *d = job->to;
	if (destination_first(d) != job)
		abort();
	destination_rotate(d, s->turns, more);
	if (!more)
		job->state = JOB_IDLE;
	job->in_flight++;
	scheduler_unlist(s, d); /* to the end of the line */
	scheduler_unlist_ahead(s, d);
}

void scheduler_started(struct scheduler *s, struct job *job, bool more)
{
	struct destination *d = job->to;
	take_turn(s, job, more);
	share_started(&s->transports[d->transport].share, d);
	spend_token(s, d);
	scheduler_update(s, d);
}

/* --- two in a slot ------------------------------------------------------ */

void scheduler_offer(struct scheduler *s, struct job *job)
{
	job->to->offers++;
	scheduler_update(s, job->to);
}

void scheduler_take_back(struct scheduler *s, struct job *job)
{
	job->to->offers--;
	scheduler_update(s, job->to);
}

struct job *scheduler_next_ahead(struct scheduler *s, enum transport transport)
{
	const struct destination *d = share_next_ahead(&s->transports[transport].share);
	return d == NULL ? NULL : destination_first(d);
}

void scheduler_started_ahead(struct scheduler *s, struct job *job, bool more)
{
	struct destination *d = job->to;
	if (d->offers == 0)
		abort();
	take_turn(s, job, more);
	d->offers--;
	d->ahead++;
	spend_token(s, d);
	scheduler_update(s, d);
}

/* --- the end of a delivery ---------------------------------------------- */

static void set_now(struct scheduler *s, uint64_t now)
{
	if (s->now < now)
		s->now = now;
}

static void learn(
    struct scheduler *s, struct destination *d, enum destination_verdict verdict, uint64_t now)
{
	const enum destination_trust trust = d->trust;
	bool was_dead = d->state == DESTINATION_DEAD;
	if (destination_feedback(d, verdict, seconds_up(now), (uint32_t)roll(s)))
		heap_add(&s->dead, &d->wake);
	else if (was_dead && d->state != DESTINATION_DEAD)
		heap_remove(&s->dead, &d->wake);
	share_trust_changed(&s->transports[d->transport].share, d, trust);
	scheduler_update(s, d);
}

void scheduler_done(
    struct scheduler *s, struct job *job, enum destination_verdict verdict, uint64_t now)
{
	set_now(s, now);
	job->in_flight--;
	share_ended(&s->transports[job->to->transport].share, job->to);
	learn(s, job->to, verdict, now);
}

void scheduler_done_in_slot(
    struct scheduler *s, struct job *job, enum destination_verdict verdict, uint64_t now)
{
	set_now(s, now);
	job->in_flight--;
	job->to->ahead--;
	learn(s, job->to, verdict, now);
}

void scheduler_hurry(struct scheduler *s, struct job *job)
{
	stop_waiting(s, job);
	job->postponed = false;
}

void scheduler_withdraw(struct scheduler *s, struct job *job)
{
	if (job->state != JOB_READY)
		return;
	destination_withdraw(job->to, s->turns, job);
	job->state = JOB_IDLE;
	scheduler_update(s, job->to);
}

/* --- time --------------------------------------------------------------- */

static bool is_due(const struct heap_node *node, uint64_t now)
{
	return node != NULL && (uint64_t)node->when * 1000 <= now;
}

static void give_token(struct scheduler *s, struct heap_node *node)
{
	struct destination *d =
	    (struct destination *)((char *)node - offsetof(struct destination, token));
	heap_remove(&s->paced, node);
	scheduler_update(s, d);
}

struct job *scheduler_due(struct scheduler *s, uint64_t now)
{
	set_now(s, now);
	while (is_due(heap_first(&s->paced), now))
		give_token(s, heap_first(&s->paced));
	while (is_due(heap_first(&s->dead), now))
		scheduler_probe(s, (struct destination *)heap_first(&s->dead));
	if (!is_due(heap_first(&s->waiting), now))
		return NULL;
	struct job *job = (struct job *)heap_first(&s->waiting);
	scheduler_hurry(s, job);
	return job;
}

uint64_t scheduler_next_event(const struct scheduler *s)
{
	const struct heap *heaps[] = {&s->waiting, &s->dead, &s->paced};
	uint64_t when = UINT64_MAX;
	for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]); i++) {
		const struct heap_node *first = heap_first(heaps[i]);
		if (first != NULL && (uint64_t)first->when * 1000 < when)
			when = (uint64_t)first->when * 1000;
	}
	return when;
}

void scheduler_get_figures(const struct scheduler *s, struct scheduler_figures *out)
{
	*out = (struct scheduler_figures){
	    .destinations = (uint32_t)hash_count(s->destinations), .waiting = s->waiting.count};
	for (size_t i = 0; i < TRANSPORT_COUNT; i++)
		out->in_flight[i] = s->transports[i].share.in_flight;
}
