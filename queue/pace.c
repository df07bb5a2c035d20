/* SPDX-License-Identifier: ISC
 *
 * The bucket is known by when it is full again. A token takes (an hour and the
 * slack) / rate, rounded up: n deliveries need n - 1 of these less the slack, so
 * more than `rate` of them need an hour or more.
 */
#include "queue/pace.h"

#define NS_PER_MS UINT64_C(1000000)
#define SLACK_NS  (PACE_SLACK_MS * NS_PER_MS)
#define HOUR_NS	  (UINT64_C(3600) * 1000 * NS_PER_MS)

void pace_set_rate(struct pace *p, unsigned rate)
{
	if (p->rate != rate)
		*p = (struct pace){.rate = rate};
}

void pace_was_empty(struct pace *p, uint64_t then)
{
	if (p->rate == 0)
		return;
	p->full_at = then * NS_PER_MS + SLACK_NS;
	p->full_at += (HOUR_NS + SLACK_NS + p->rate - 1) / p->rate;
}

uint64_t pace_opens_at(const struct pace *p)
{
	return p->full_at <= SLACK_NS ? 0 : (p->full_at - SLACK_NS + NS_PER_MS - 1) / NS_PER_MS;
}

bool pace_is_open(const struct pace *p, uint64_t now)
{
	return p->rate == 0 || pace_opens_at(p) <= now;
}

bool pace_is_full(const struct pace *p, uint64_t now)
{
	return p->full_at <= now * NS_PER_MS;
}

void pace_spend(struct pace *p, uint64_t now)
{
	if (p->rate == 0)
		return;
	if (p->full_at < now * NS_PER_MS)
		p->full_at = now * NS_PER_MS;
	p->full_at += (HOUR_NS + SLACK_NS + p->rate - 1) / p->rate;
}
