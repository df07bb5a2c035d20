/* SPDX-License-Identifier: ISC
 *
 * Invariant: a destination is in its transport's `open` list exactly while it has
 * a ready job and room for one more delivery, in `idle` exactly while nothing
 * refers to it; list_of() is that rule, and update() restores it after each
 * change. A dead destination is in the heap of the dead, a waiting job in the heap
 * of jobs.
 */
#include "queue/scheduler.h"
#include "common/mem.h"

#include <stdlib.h>

/* Destinations that nothing refers to are remembered for what was learned about them. */
enum { IDLE_MAX = 1000 };

TAILQ_HEAD(destination_list, destination);

enum list { LIST_NONE, LIST_OPEN, LIST_IDLE };

struct transport_queue {
	struct transport_policy policy;
	struct destination_list open;
	unsigned in_flight;
};

struct scheduler {
	struct transport_queue transports[TRANSPORT_COUNT];
	struct retry_policy retry;
	struct hash *destinations;
	struct hash *turns;
	struct destination_list idle;
	unsigned idle_count;
	struct heap waiting; /* struct job */
	struct heap dead;    /* struct destination */
	uint64_t chance;
};

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
		TAILQ_INIT(&s->transports[i].open);
	return s;
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
	free(s);
}

void scheduler_set_retry(struct scheduler *s, const struct retry_policy *policy)
{
	s->retry = *policy;
}

/* --- destinations ------------------------------------------------------- */

static enum list list_of(const struct destination *d)
{
	if (d->jobs == 0 && d->in_flight == 0)
		return LIST_IDLE;
	return destination_first(d) != NULL && destination_is_open(d) ? LIST_OPEN : LIST_NONE;
}

static void unlist(struct scheduler *s, struct destination *d)
{
	if (d->list == LIST_OPEN)
		TAILQ_REMOVE(&s->transports[d->transport].open, d, link);
	if (d->list == LIST_IDLE) {
		TAILQ_REMOVE(&s->idle, d, link);
		s->idle_count--;
	}
	d->list = LIST_NONE;
}

static void drop_destination(struct scheduler *s, struct destination *d)
{
	unlist(s, d);
	if (heap_holds(&d->wake))
		heap_remove(&s->dead, &d->wake);
	hash_take(s->destinations, destination_key(d));
	destination_free(d);
}

static void update(struct scheduler *s, struct destination *d)
{
	enum list list = list_of(d);
	if (d->list == list)
		return;
	unlist(s, d);
	d->list = (uint8_t)list;
	if (list == LIST_OPEN)
		TAILQ_INSERT_TAIL(&s->transports[d->transport].open, d, link);
	if (list != LIST_IDLE)
		return;
	TAILQ_INSERT_TAIL(&s->idle, d, link);
	if (++s->idle_count > IDLE_MAX)
		drop_destination(s, TAILQ_FIRST(&s->idle));
}

struct destination *scheduler_destination(
    struct scheduler *s, enum transport transport, struct str nexthop)
{
	char key[1 + NEXTHOP_MAX];
	nexthop = str_head(nexthop, NEXTHOP_MAX);
	key[0] = (char)transport;
	if (nexthop.n > 0)
		memcpy(key + 1, nexthop.p, nexthop.n);
	struct str k = str_from(key, 1 + nexthop.n);
	struct destination *d = hash_find(s->destinations, k);
	if (d != NULL)
		return d;
	const struct transport_queue *t = &s->transports[transport];
	d = destination_new(k, (uint8_t)transport, t->policy.destination.window_first);
	hash_put(s->destinations, d);
	return d;
}

/* A window learned under another policy is brought within the new one's bounds. */
static void clamp_window(void *destination, void *ctx)
{
	struct destination *d = destination;
	const struct scheduler *s = ctx;
	const struct destination_policy *p = &s->transports[d->transport].policy.destination;
	if (d->window > p->window_max)
		d->window = p->window_max;
	if (p->dead_after == 0 && d->window < p->window_first)
		d->window = p->window_first;
}

static void update_one(void *destination, void *ctx)
{
	struct destination *d = destination;
	if (d->list != LIST_IDLE)
		update(ctx, d);
}

void scheduler_set_transport(
    struct scheduler *s, enum transport transport, const struct transport_policy *policy)
{
	s->transports[transport].policy = *policy;
	hash_each(s->destinations, clamp_window, s);
	hash_each(s->destinations, update_one, s);
}

void scheduler_probe(struct scheduler *s, struct destination *d)
{
	if (d->state != DESTINATION_DEAD)
		return;
	heap_remove(&s->dead, &d->wake);
	d->state = DESTINATION_PROBING;
	update(s, d);
}

/* --- jobs --------------------------------------------------------------- */

void scheduler_adopt(struct scheduler *s, struct job *job, struct destination *to, uint32_t sender)
{
	job->to = to;
	job->sender = sender;
	job->state = JOB_IDLE;
	to->jobs++;
	update(s, to);
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
	update(s, job->to);
}

void scheduler_ready(struct scheduler *s, struct job *job)
{
	if (job->state == JOB_READY)
		return;
	stop_waiting(s, job);
	job->state = JOB_READY;
	destination_push(job->to, s->turns, job);
	update(s, job->to);
}

/* Doubled with each attempt, without ever overflowing. */
static uint64_t retry_delay(struct scheduler *s, unsigned attempts)
{
	uint64_t delay = (uint64_t)s->retry.first * 1000;
	uint64_t max = (uint64_t)s->retry.max * 1000;
	for (unsigned i = 1; i < attempts && delay < max; i++)
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
	job->wake.when = seconds_up(now + retry_delay(s, job->attempts));
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

/* The rule of P5, see scheduler.h; 64 bits, for the limit may be anything. */
static bool may_start(const struct transport_queue *t, const struct destination *d)
{
	uint64_t limit = t->policy.limit, used = t->in_flight, shared = limit - limit / 4;
	if (used >= limit || d->in_flight == 0)
		return used < limit;
	return used < shared && d->in_flight < 2 * (shared - used);
}

struct job *scheduler_next(struct scheduler *s, enum transport transport)
{
	const struct transport_queue *t = &s->transports[transport];
	struct destination *d;
	TAILQ_FOREACH(d, &t->open, link)
	if (may_start(t, d))
		return destination_first(d);
	return NULL;
}

void scheduler_started(struct scheduler *s, struct job *job, bool more)
{
	struct destination *d = job->to;
	if (destination_first(d) != job)
		abort();
	destination_rotate(d, s->turns, more);
	if (!more)
		job->state = JOB_IDLE;
	job->in_flight++;
	d->in_flight++;
	s->transports[d->transport].in_flight++;
	unlist(s, d); /* to the end of the line */
	update(s, d);
}

void scheduler_done(
    struct scheduler *s, struct job *job, enum destination_verdict verdict, uint64_t now)
{
	struct destination *d = job->to;
	struct transport_queue *t = &s->transports[d->transport];
	bool was_dead = d->state == DESTINATION_DEAD;
	job->in_flight--;
	d->in_flight--;
	t->in_flight--;
	if (destination_feedback(
		d, &t->policy.destination, verdict, seconds_up(now), (uint32_t)roll(s)))
		heap_add(&s->dead, &d->wake);
	else if (was_dead && d->state != DESTINATION_DEAD)
		heap_remove(&s->dead, &d->wake);
	update(s, d);
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
	update(s, job->to);
}

/* --- time --------------------------------------------------------------- */

static bool is_due(const struct heap_node *node, uint64_t now)
{
	return node != NULL && (uint64_t)node->when * 1000 <= now;
}

struct job *scheduler_due(struct scheduler *s, uint64_t now)
{
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
	const struct heap_node *job = heap_first(&s->waiting), *dead = heap_first(&s->dead);
	uint64_t when = job == NULL ? UINT64_MAX : (uint64_t)job->when * 1000;
	if (dead != NULL && (uint64_t)dead->when * 1000 < when)
		when = (uint64_t)dead->when * 1000;
	return when;
}

void scheduler_get_figures(const struct scheduler *s, struct scheduler_figures *out)
{
	*out = (struct scheduler_figures){
	    .destinations = (uint32_t)hash_count(s->destinations), .waiting = s->waiting.count};
	for (size_t i = 0; i < TRANSPORT_COUNT; i++)
		out->in_flight[i] = s->transports[i].in_flight;
}
