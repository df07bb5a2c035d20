/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit-loop.h"
#include "common/loop.h"

void unit_turn(void)
{
	event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void unit_settle(void)
{
	event_base_loop(loop_base(), EVLOOP_NONBLOCK);
}

void unit_wait(void)
{
	event_base_loop(loop_base(), EVLOOP_ONCE);
}

static void on_late(void *ctx)
{
	*(bool *)ctx = true;
}

void unit_patience_begin(struct unit_patience *p, uint64_t ms)
{
	*p = (struct unit_patience){.timer = loop_timer(on_late, &p->over)};
	loop_timer_start(p->timer, ms);
}

bool unit_patience_end(struct unit_patience *p)
{
	event_free(p->timer);
	return !p->over;
}
