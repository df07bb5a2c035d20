/* SPDX-License-Identifier: ISC */
#include "queue/sweeper.h"
#include "common/loop.h"
#include "queue/dispatch.h"

enum {
	STEP = 500,
	INTERVAL_MIN_MS = 1000,
	INTERVAL_MAX_MS = 30 * 1000,
	GRACE_MAX_MS = 10 * 60 * 1000,
};

static void sweep(void *ctx)
{
	struct sweeper *s = ctx;
	bool round = active_sweep(s->active, moment_now(), STEP);
	loop_timer_start(s->timer, round ? s->interval : 0);
}

void sweeper_init(struct sweeper *s, struct active *active)
{
	*s = (struct sweeper){.active = active, .interval = INTERVAL_MAX_MS};
	s->timer = loop_timer(sweep, s);
}

void sweeper_reset(struct sweeper *s)
{
	event_free(s->timer);
	*s = (struct sweeper){0};
}

/* The tenth of the shorter time is close enough. */
void sweeper_configure(struct sweeper *s)
{
	const struct active *a = s->active;
	uint64_t shortest = a->delay_notice != 0 && a->delay_notice < a->lifetime ? a->delay_notice
										 : a->lifetime;
	uint64_t interval = shortest / 10;
	if (interval > INTERVAL_MAX_MS || shortest == 0)
		interval = INTERVAL_MAX_MS;
	s->interval = interval < INTERVAL_MIN_MS ? INTERVAL_MIN_MS : interval;
	if (a->expire_from == 0)
		s->active->expire_from =
		    loop_now_ms() + (a->lifetime < GRACE_MAX_MS ? a->lifetime : GRACE_MAX_MS);
	loop_timer_start(s->timer, 0);
}

void sweeper_stop(struct sweeper *s)
{
	loop_timer_stop(s->timer);
}
