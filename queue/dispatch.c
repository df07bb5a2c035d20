/* SPDX-License-Identifier: ISC
 *
 * A run makes what is due ready and begins deliveries until nothing may begin, or
 * until RUN_MAX, so that a million due messages do not keep the loop from its
 * other work.
 */
#include "queue/dispatch.h"
#include "queue/queue-log.h"

enum { RUN_MAX = 256, IDLE_CHECK_MS = 60 * 1000 };

struct moment moment_now(void)
{
	return (struct moment){.ms = loop_now_ms(), .wall = loop_wall_ms()};
}

/* --- ways of delivering ----------------------------------------------------------- */

struct way {
	enum transport transport;
	bool (*is_ready)(const struct dispatch *d);
	struct job *(*next)(struct scheduler *s, enum transport transport);
	void (*start)(struct dispatch *d, struct job *job);
};

static bool always(const struct dispatch *d)
{
	(void)d;
	return true;
}

static bool local_takes_more(const struct dispatch *d)
{
	return local_is_ready(d->local);
}

static void start_local(struct dispatch *d, struct job *job)
{
	local_start(d->local, job);
}

static void log_discarded(const struct message *m, uint16_t number, struct moment now)
{
	const struct queue_log_delivery entry = {.relay = "none",
	    .status = "sent",
	    .dsn = STR("2.0.0"),
	    .note = STR("discarded"),
	    .started = now.wall,
	    .now = now.wall};
	queue_log_delivery(m, number, &entry);
}

static void start_discard(struct dispatch *d, struct job *job)
{
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	struct message *m = message_of(job);
	struct moment now = moment_now();
	size_t n = active_start(d->active, job, numbers, RECIPIENTS_PER_PACKET);
	for (size_t i = 0; i < n; i++)
		log_discarded(m, numbers[i], now);
	active_succeeded(d->active, m, numbers, n);
	scheduler_done(d->active->scheduler, job, DESTINATION_WORKS, now.ms);
	active_settle(d->active, job);
}

static bool remote_takes_more(const struct dispatch *d)
{
	return !d->remote_waits && remote_is_ready(d->remote);
}

static void start_remote(struct dispatch *d, struct job *job)
{
	remote_start(d->remote, job);
}

static void start_remote_behind(struct dispatch *d, struct job *job)
{
	remote_start_behind(d->remote, job);
}

/* What may have a slot of its own is not put behind another. */
static const struct way ways[] = {
    {TRANSPORT_LOCAL, local_takes_more, scheduler_next, start_local},
    {TRANSPORT_DISCARD, always, scheduler_next, start_discard},
    {TRANSPORT_REMOTE, remote_takes_more, scheduler_next, start_remote},
    {TRANSPORT_REMOTE, remote_takes_more, scheduler_next_ahead, start_remote_behind},
};

/* --- runs --------------------------------------------------------------- */

/* How many it began, at most `max`. */
static size_t run_way(struct dispatch *d, const struct way *w, size_t max)
{
	size_t n = 0;
	for (; n < max && w->is_ready(d); n++) {
		struct job *job = w->next(d->active->scheduler, w->transport);
		if (job == NULL)
			break;
		w->start(d, job);
	}
	return n;
}

/* With more to do at once it is a timer too: loop_soon would come before the other events. */
static void set_timer(struct dispatch *d, uint64_t now_ms, bool again)
{
	uint64_t next = again ? 0 : scheduler_next_event(d->active->scheduler);
	uint64_t wait = next <= now_ms ? 0 : next - now_ms;
	loop_timer_start(d->timer, wait < IDLE_CHECK_MS ? wait : IDLE_CHECK_MS);
}

static void run(void *ctx)
{
	struct dispatch *d = ctx;
	struct moment now = moment_now();
	d->scheduled = false;
	if (d->stopping)
		return;
	bool again = !active_wake(d->active, now, RUN_MAX);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		again |= run_way(d, &ways[i], RUN_MAX) == RUN_MAX;
	carrier_check_stalled(&d->local->carrier, now.ms);
	remote_check_stalled(d->remote, now.ms);
	set_timer(d, now.ms, again);
}

void dispatch_soon(struct dispatch *d)
{
	if (d->scheduled || d->stopping)
		return;
	d->scheduled = true;
	loop_soon(run, d);
}

static void on_timer(void *ctx)
{
	dispatch_soon(ctx);
}

static void on_progress(void *ctx)
{
	dispatch_soon(ctx);
}

void dispatch_init(
    struct dispatch *d, struct active *active, struct local *local, struct remote *remote)
{
	*d = (struct dispatch){.active = active, .local = local, .remote = remote};
	d->timer = loop_timer(on_timer, d);
	local->carrier.on_progress = remote->on_progress = on_progress;
	local->carrier.ctx = remote->ctx = d;
}

void dispatch_stop(struct dispatch *d)
{
	d->stopping = true;
	loop_timer_stop(d->timer);
}

void dispatch_reset(struct dispatch *d)
{
	event_free(d->timer);
	*d = (struct dispatch){0};
}
