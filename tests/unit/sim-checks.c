/* SPDX-License-Identifier: ISC */
#include "tests/unit/sim-checks.h"

#include <string.h>

/* So many failures in a row that the destination is dead, whatever was under way before. */
enum { SURELY_DEAD = 30, PROBE_GAP_MIN_S = 7 };

bool checks_is_idle(const struct observed *o)
{
	return o->in_flight == 0 && checks_senders(o) == 0;
}

void checks_committed(struct observed *o, unsigned sender)
{
	if (o->senders[sender].fresh++ == 0)
		o->senders[sender].since = o->starts;
}

unsigned checks_senders(const struct observed *o)
{
	unsigned n = 0;
	for (size_t i = 0; i < SENDERS; i++)
		n += o->senders[i].waiting > 0;
	return n;
}

/* Whoever has waited since before this sender's last turn must have had one before its next. */
static void check_turns(struct checks *c, struct observed *o, unsigned sender, bool fresh)
{
	const uint64_t last = o->senders[sender].last;
	for (unsigned i = 0; i < SENDERS && last > 0; i++) {
		if (i == sender || o->senders[i].fresh == 0)
			continue;
		sim_require(o->senders[i].since >= last,
		    "turns: sender %u had two turns while sender %u waited", sender, i);
		c->alternations++;
	}
	o->starts++;
	o->senders[sender].last = o->senders[sender].since = o->starts;
	if (fresh)
		o->senders[sender].fresh--;
}

static void check_rate(struct observed *o, unsigned rate, uint64_t now)
{
	if (rate == 0)
		return;
	sim_require(rate < RATE_SEEN_MAX, "the test sees no such rate");
	if (o->paced >= rate) {
		uint64_t before = o->hour[(o->paced - rate) % RATE_SEEN_MAX];
		sim_require(now - before >= HOUR, "rate: %u and one more in %llu ms", rate,
		    (unsigned long long)(now - before));
	}
	o->hour[o->paced++ % RATE_SEEN_MAX] = now;
}

static void check_window(const struct observed *o, const struct terms *terms,
    const struct destination *d, unsigned state)
{
	sim_require(state != DESTINATION_DEAD, "window: started at a dead destination");
	sim_require(d->window >= 1, "window: none");
	sim_require(d->window <= terms->window_max, "window: %u", d->window);
	const unsigned slots = o->in_flight - o->ahead;
	sim_require(slots <= (state == DESTINATION_PROBING ? 1 : d->window),
	    "window: %u slots in use, state %u, window %u", slots, state, d->window);
	sim_require(slots == d->in_flight && o->ahead == d->ahead, "window: miscounted");
}

static void check_probe(struct checks *c, const struct observed *o, uint64_t now)
{
	if (o->failures < SURELY_DEAD)
		return;
	sim_require(o->in_flight == 1, "probe: %u at once", o->in_flight);
	sim_require(now - o->last_start >= PROBE_GAP_MIN_S * SECOND, "probe: again after %llu ms",
	    (unsigned long long)(now - o->last_start));
	c->probes++;
}

void checks_start(struct checks *c, struct observed *o, const struct terms *terms, unsigned sender,
    bool fresh, const struct destination *d, unsigned state, uint64_t now)
{
	o->in_flight++;
	check_window(o, terms, d, state);
	check_probe(c, o, now);
	check_rate(o, terms->rate, now);
	check_turns(c, o, sender, fresh);
	o->last_start = now;
}

void checks_end(struct observed *o, enum destination_verdict verdict)
{
	o->in_flight--;
	if (verdict == DESTINATION_FAILS)
		o->failures++;
	if (verdict == DESTINATION_WORKS)
		o->failures = 0;
}

void checks_forget_rates(struct checks *c)
{
	for (size_t i = 0; i < HOSTS_MAX; i++)
		c->hosts[i].paced = 0;
}

void checks_retry(const struct terms *terms, unsigned attempts, uint64_t now, uint64_t when)
{
	uint64_t full = terms->retry_first;
	for (unsigned i = 1; i < attempts && full < terms->retry_max; i++)
		full *= 2;
	if (full > terms->retry_max)
		full = terms->retry_max;
	sim_require(when >= now + full * 3 / 4 && when <= now + full + SECOND,
	    "retry: attempt %u waits %llu ms of %llu", attempts, (unsigned long long)(when - now),
	    (unsigned long long)full);
}
