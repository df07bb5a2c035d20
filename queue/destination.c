/* SPDX-License-Identifier: ISC
 *
 * A destination's window and back-off; its turns are in turns.c.
 */
#include "queue/destination.h"
#include "common/mem.h"

#include <stddef.h>
#include <stdlib.h>

struct destination *destination_new(struct str key, uint8_t transport, unsigned window)
{
	struct destination *d = xcalloc(1, sizeof(*d) + key.n);
	d->window = window;
	d->state = DESTINATION_ALIVE;
	d->transport = transport;
	d->key_size = (uint16_t)key.n;
	memcpy(d->key, key.p, key.n);
	return d;
}

void destination_free(struct destination *d)
{
	free(d);
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

static void revive(struct destination *d, const struct destination_policy *policy)
{
	d->state = DESTINATION_ALIVE;
	d->window = policy->window_first;
	d->credit = d->cohort = d->backoff = 0;
}

static void widen(struct destination *d, const struct destination_policy *policy)
{
	if (d->window >= policy->window_max || ++d->credit < d->window)
		return;
	d->window++;
	d->credit = 0;
}

/* The back-off with up to a quarter taken off, so that destinations do not march in step. */
static void die(
    struct destination *d, const struct destination_policy *policy, uint32_t now, uint32_t jitter)
{
	d->state = DESTINATION_DEAD;
	d->backoff = d->backoff == 0 ? policy->backoff_first : d->backoff * 2;
	if (d->backoff > policy->backoff_max)
		d->backoff = policy->backoff_max;
	d->wake.when = now + d->backoff - jitter % (d->backoff / 4 + 1);
}

static void halve(struct destination *d)
{
	d->window = d->window / 2 > 0 ? d->window / 2 : 1;
	d->credit = 0;
	d->cohort = d->in_flight;
}

bool destination_feedback(struct destination *d, const struct destination_policy *policy,
    enum destination_verdict verdict, uint32_t now, uint32_t jitter)
{
	bool in_cohort = d->cohort > 0;
	if (in_cohort)
		d->cohort--;
	if (verdict == DESTINATION_UNKNOWN)
		return false;
	if (verdict == DESTINATION_WORKS) {
		d->failures = 0;
		if (d->state != DESTINATION_ALIVE)
			revive(d, policy);
		else
			widen(d, policy);
		return false;
	}
	d->failures++;
	if (d->state == DESTINATION_DEAD)
		return false;
	if (d->state == DESTINATION_ALIVE && !in_cohort)
		halve(d);
	if (policy->dead_after == 0 ||
	    (d->state == DESTINATION_ALIVE && d->failures < policy->dead_after))
		return false;
	die(d, policy, now, jitter);
	return true;
}
