/* SPDX-License-Identifier: ISC
 *
 * Timers carry their callback in the same allocation as libevent's event, which
 * comes first, so that event_free (which frees what event_new would have
 * allocated) frees the whole.
 */
#include "common/loop.h"
#include "common/log.h"
#include "common/mem.h"

#include <event2/event_struct.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

static struct event_base *base;

struct timer {
	struct event event; /* first: see above */
	loop_fn *fn;
	void *ctx;
};

struct event_base *loop_base(void)
{
	if (base != NULL)
		return base;
	struct event_config *config = event_config_new();
	if (config != NULL) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (base == NULL)
		log_fatal(EX_OSERR, "the event loop cannot be made: %m");
	return base;
}

void loop_forget(void)
{
	base = NULL;
}

void loop_run(void)
{
	event_base_loop(loop_base(), EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_exit(void)
{
	event_base_loopexit(loop_base(), NULL);
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t loop_now_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t loop_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;
	(void)fd;
	(void)what;
	t->fn(t->ctx);
}

struct event *loop_timer(loop_fn *fn, void *ctx)
{
	struct timer *t = xcalloc(1, sizeof(*t));
	t->fn = fn;
	t->ctx = ctx;
	evtimer_assign(&t->event, loop_base(), on_timer, t);
	return &t->event;
}

void loop_timer_start(struct event *timer, uint64_t ms)
{
	const struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
	if (evtimer_add(timer, &tv) < 0)
		log_fatal(EX_OSERR, "a timer cannot be set");
}

void loop_timer_at(struct event *timer, uint64_t when_ms)
{
	uint64_t now_ms = loop_now_ms();
	loop_timer_start(timer, when_ms > now_ms ? when_ms - now_ms : 0);
}

void loop_timer_stop(struct event *timer)
{
	evtimer_del(timer);
}

static struct event *added(struct event *ev)
{
	if (ev == NULL || event_add(ev, NULL) < 0)
		log_fatal(EX_OSERR, "an event cannot be watched: %m");
	return ev;
}

struct event *loop_watch(int fd, short what, loop_io_fn *fn, void *ctx)
{
	return added(event_new(loop_base(), fd, (short)(what | EV_PERSIST), fn, ctx));
}

struct event *loop_signal(int number, loop_io_fn *fn, void *ctx)
{
	return added(event_new(loop_base(), number, EV_SIGNAL | EV_PERSIST, fn, ctx));
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;
	loop_fn *fn = t->fn;
	void *ctx = t->ctx;
	(void)fd;
	(void)what;
	event_free(&t->event);
	fn(ctx);
}

void loop_soon(loop_fn *fn, void *ctx)
{
	struct timer *t = xcalloc(1, sizeof(*t));
	t->fn = fn;
	t->ctx = ctx;
	evtimer_assign(&t->event, loop_base(), on_soon, t);
	event_active(&t->event, EV_TIMEOUT, 1);
}
