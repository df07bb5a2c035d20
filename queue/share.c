/* SPDX-License-Identifier: ISC
 *
 * Invariant: `in_flight` is the sum of the destinations' own, `failing` of those
 * that failed last. Each list is in the order of its members' turns. Only the
 * list of the busy has to be searched: there are no more of them than deliveries.
 */
#include "queue/share.h"

void share_init(struct share *s)
{
	*s = (struct share){0};
	for (size_t i = 0; i < SHARE_LISTS; i++)
		TAILQ_INIT(&s->lists[i]);
	TAILQ_INIT(&s->ahead);
}

enum share_list share_list_of(const struct destination *d)
{
	if (d->trust == TRUST_FAILED)
		return SHARE_FAILING;
	if (d->in_flight > 0)
		return SHARE_BUSY;
	return d->trust == TRUST_WORKED ? SHARE_WORKING : SHARE_UNKNOWN;
}

void share_add(struct share *s, struct destination *d, enum share_list list)
{
	d->turn = s->next_turn++;
	TAILQ_INSERT_TAIL(&s->lists[list], d, link);
}

void share_remove(struct share *s, struct destination *d, enum share_list list)
{
	TAILQ_REMOVE(&s->lists[list], d, link);
}

static struct destination *earlier(struct destination *a, struct destination *b)
{
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	return a->turn < b->turn ? a : b;
}

static struct destination *first_busy(const struct share *s, uint64_t room)
{
	struct destination *d;
	TAILQ_FOREACH(d, &s->lists[SHARE_BUSY], link)
	if (d->in_flight < 2 * room)
		break;
	return d;
}

/* Whose turn it is when so many are under way. */
static struct destination *next_of(const struct share *s, uint64_t used)
{
	const uint64_t limit = s->limit;
	const uint64_t common = limit - limit / 4;
	struct destination *d = NULL;
	if (used < limit)
		d = TAILQ_FIRST(&s->lists[SHARE_WORKING]);
	if (used < limit - limit / 8)
		d = earlier(d, TAILQ_FIRST(&s->lists[SHARE_UNKNOWN]));
	if (used >= common)
		return d;
	d = earlier(d, first_busy(s, common - used));
	if (s->failing < (limit + 3) / 4)
		d = earlier(d, TAILQ_FIRST(&s->lists[SHARE_FAILING]));
	return d;
}

struct destination *share_next(const struct share *s)
{
	return next_of(s, s->in_flight);
}

struct destination *share_next_ahead(const struct share *s)
{
	struct destination *d = TAILQ_FIRST(&s->ahead);
	if (d == NULL)
		return NULL;
	const uint64_t used = s->in_flight - 1, common = s->limit - s->limit / 4;
	struct destination *waiting = next_of(s, used);
	if (waiting != NULL)
		return waiting->in_ahead ? waiting : NULL;
	TAILQ_FOREACH(d, &s->ahead, ahead_link)
	if (used < common && d->in_flight - 1 < 2 * (common - used))
		break;
	return d;
}

void share_trust_changed(
    struct share *s, const struct destination *d, enum destination_trust before)
{
	if (before == TRUST_FAILED)
		s->failing -= d->in_flight;
	if (d->trust == TRUST_FAILED)
		s->failing += d->in_flight;
}

void share_started(struct share *s, struct destination *d)
{
	s->in_flight++;
	d->in_flight++;
	s->failing += d->trust == TRUST_FAILED;
}

void share_ended(struct share *s, struct destination *d)
{
	s->in_flight--;
	d->in_flight--;
	s->failing -= d->trust == TRUST_FAILED;
}
