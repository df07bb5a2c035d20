/* SPDX-License-Identifier: ISC
 *
 * A destination's window and back-off; its turns are in turns.c.
 */
#include "queue/destination.h"
#include "common/mem.h"

#include <stddef.h>
#include <stdlib.h>

struct destination *destination_new(
    struct str key, uint8_t transport, const struct destination_policy *policy)
{
	struct destination *d = xcalloc(1, sizeof(*d) + key.n);
	d->policy = policy;
	d->window = policy->window_first;
	pace_set_rate(&d->pace, policy->rate);
	d->state = DESTINATION_ALIVE;
	d->transport = transport;
	d->key_size = (uint16_t)key.n;
	memcpy(d->key, key.p, key.n);
	return d;
}

void destination_free(struct destination *d)
{
	free(d->last_reason);
	free(d);
}

void destination_set_policy(struct destination *d, const struct destination_policy *policy)
{
	pace_set_rate(&d->pace, policy->rate);
	d->policy = policy;
	if (d->window > policy->window_max)
		d->window = policy->window_max;
	if (policy->dead_after == 0 && d->window < policy->window_first)
		d->window = policy->window_first;
}

void destination_note_reason(struct destination *d, struct str why)
{
	why = str_head(why, DESTINATION_REASON_MAX);
	if (d->last_reason != NULL && str_eq(why, str_from_cstr(d->last_reason)))
		return;
	free(d->last_reason);
	d->last_reason = str_dup(why);
}

struct str destination_key(const void *destination)
{
	const struct destination *d = destination;
	return str_from(d->key, d->key_size);
}

struct str destination_name(const struct destination *d)
{
	return str_skip(destination_key(d), 1);
}

bool destination_is_open(const struct destination *d)
{
	if (d->state == DESTINATION_PROBING)
		return d->in_flight == 0;
	return d->state == DESTINATION_ALIVE && d->in_flight < d->window;
}

/* Beyond a window that has become narrower every slot has to become free. */
bool destination_is_open_ahead(const struct destination *d)
{
	return d->state == DESTINATION_ALIVE && d->offers > 0 && d->in_flight <= d->window;
}

static void revive(struct destination *d)
{
	d->state = DESTINATION_ALIVE;
	d->window = d->policy->window_first;
	d->credit = d->cohort = d->backoff = 0;
}

static void widen(struct destination *d)
{
	if (d->window >= d->policy->window_max || (d->had_failure && ++d->credit < d->window))
		return;
	d->window++;
	d->credit = 0;
}

/* With up to a quarter taken off, so that destinations do not march in step. */
static void back_off(struct destination *d, uint32_t now, uint32_t jitter)
{
	d->state = DESTINATION_DEAD;
	d->wake.when = now + d->backoff - jitter % (d->backoff / 4 + 1);
}

static void die(struct destination *d, uint32_t now, uint32_t jitter)
{
	d->backoff = d->backoff == 0 ? d->policy->backoff_first : d->backoff * 2;
	if (d->backoff > d->policy->backoff_max)
		d->backoff = d->policy->backoff_max;
	back_off(d, now, jitter);
}

static void halve(struct destination *d)
{
	d->window = d->window / 2 > 0 ? d->window / 2 : 1;
	d->credit = 0;
	d->cohort = d->in_flight + d->ahead;
}

static void works(struct destination *d)
{
	d->trust = TRUST_WORKED;
	d->failures = 0;
	if (d->state != DESTINATION_ALIVE)
		revive(d);
	else
		widen(d);
}

static bool fails(struct destination *d, bool in_cohort, uint32_t now, uint32_t jitter)
{
	const unsigned dead_after = d->policy->dead_after;
	d->trust = TRUST_FAILED;
	d->had_failure = true;
	d->failures++;
	if (d->state == DESTINATION_DEAD)
		return false;
	if (d->state == DESTINATION_ALIVE && !in_cohort)
		halve(d);
	if (dead_after == 0 || (d->state == DESTINATION_ALIVE && d->failures < dead_after))
		return false;
	die(d, now, jitter);
	return true;
}

bool destination_feedback(
    struct destination *d, enum destination_verdict verdict, uint32_t now, uint32_t jitter)
{
	bool in_cohort = d->cohort > 0;
	if (in_cohort)
		d->cohort--;
	if (verdict == DESTINATION_FAILS)
		return fails(d, in_cohort, now, jitter);
	if (verdict == DESTINATION_WORKS) {
		works(d);
		return false;
	}
	if (d->state != DESTINATION_PROBING)
		return false;
	back_off(d, now, jitter);
	return true;
}
