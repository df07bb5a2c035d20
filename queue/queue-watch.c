/* SPDX-License-Identifier: ISC
 *
 * Each second three asks; when the last is answered the view is drawn over the
 * one before. No alternate screen: what was shown last stays when it ends.
 */
#include "queue/queue-print-internal.h"
#include "queue/queue-watch.h"
#include "common/loop.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { ASKS = 3, EVERY_MS = 1000, WIDTH_DEFAULT = 80, WIDTH_MIN = 40, WIDTH_MAX = 160 };

struct watch {
	FILE *out;
	bool terminal;
	struct view_style style;
	struct channel *channel;
	struct event *timer, *interrupt;
	struct view view, next; /* shown, and being asked for */
	uint64_t asked_at;	/* when, on the loop's clock, the figures in `view` came */
	uint64_t serial;	/* of the last event */
	unsigned answered;
	unsigned lines; /* of the view that is on the terminal */
	int status;
	bool done;
};

/* Harmless ASCII: a column each. */
static void put_text(char *out, size_t size, struct str s)
{
	size_t n = s.n < size ? s.n : size - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?';
	out[n] = '\0';
}

static void put_time(char *out, size_t size, bool with_day, uint64_t ms)
{
	const time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	out[0] = '\0';
	if (localtime_r(&seconds, &tm) == NULL)
		return;
	size_t n = with_day ? strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm)
			    : strftime(out, size, "%H:%M:%S", &tm);
	out[n] = '\0';
}

/* --- answers ------------------------------------------------------------ */

static bool on_figures(void *ctx, const struct msg_queue_figures *m, int *fds)
{
	struct watch *w = ctx;
	const uint64_t now = loop_wall_ms();
	(void)fds;
	w->next.figures = *m;
	w->next.oldest_s = m->oldest == 0    ? UINT64_MAX
			   : now > m->oldest ? (now - m->oldest) / 1000
					     : 0;
	return true;
}

static bool on_destination(void *ctx, const struct msg_queue_destination *m, int *fds)
{
	struct watch *w = ctx;
	(void)fds;
	if (w->next.destination_count == VIEW_DESTINATIONS)
		return true;
	struct view_destination *d = &w->next.destinations[w->next.destination_count++];
	char *name = queue_print_name(m, sizeof(d->name) - 1);
	put_text(d->name, sizeof(d->name), str_from_cstr(name));
	free(name);
	put_text(d->reason, sizeof(d->reason), m->reason);
	d->messages = m->messages;
	d->in_flight = m->in_flight;
	d->window = m->window;
	d->rate = m->rate;
	d->state = m->state;
	d->probe_in = queue_print_probe_in(m, loop_wall_ms());
	return true;
}

static bool on_event(void *ctx, const struct msg_queue_event *m, int *fds)
{
	struct watch *w = ctx;
	struct view *v = &w->next;
	(void)fds;
	if (v->event_count == VIEW_EVENTS)
		memmove(&v->events[0], &v->events[1], sizeof(v->events[0]) * --v->event_count);
	struct view_event *e = &v->events[v->event_count++];
	put_time(e->time, sizeof(e->time), false, m->when);
	put_text(e->status, sizeof(e->status), m->status);
	put_text(e->recipient, sizeof(e->recipient), m->recipient);
	int n = snprintf(e->what, sizeof(e->what), "%.*s ", STR_ARG(str_head(m->relay, 60)));
	put_text(e->what + n, sizeof(e->what) - (size_t)n, m->note);
	w->serial = m->serial;
	return true;
}

/* --- drawing ------------------------------------------------------------ */

static double per_second(uint64_t now, uint64_t before, uint64_t ms)
{
	return now < before || ms == 0 ? 0 : (double)(now - before) * 1000 / (double)ms;
}

static void set_rates(struct watch *w)
{
	const uint64_t now = loop_now_ms(), ms = w->asked_at == 0 ? 0 : now - w->asked_at;
	const struct msg_queue_figures *f = &w->next.figures, *before = &w->view.figures;
	struct view *v = &w->next;
	v->in = per_second(f->accepted, before->accepted, ms);
	v->out = per_second(f->delivered, before->delivered, ms);
	v->deferred = per_second(f->deferred, before->deferred, ms);
	if (w->asked_at != 0)
		v->history[v->history_count++ % VIEW_RATES] = v->out;
	w->asked_at = now;
}

static void set_width(struct watch *w)
{
	struct winsize size;
	unsigned width = WIDTH_DEFAULT;
	if (ioctl(fileno(w->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		width = size.ws_col;
	w->style.width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
}

static void draw(struct watch *w)
{
	put_time(w->view.time, sizeof(w->view.time), true, loop_wall_ms());
	if (!w->terminal) {
		queue_view_line(w->out, &w->view);
	} else {
		set_width(w);
		if (w->lines > 0)
			fprintf(w->out, "\033[%uA", w->lines);
		unsigned lines = queue_view_draw(w->out, &w->view, &w->style);
		fputs("\033[J", w->out); /* what the view before had more */
		w->lines = lines;
	}
	if (fflush(w->out) != 0) {
		w->done = true;
		w->status = EX_IOERR;
	}
}

static bool on_end(void *ctx, const struct msg_queue_end *m, int *fds)
{
	struct watch *w = ctx;
	(void)fds;
	if (!m->ok) {
		fprintf(stderr, "postern: %.*s\n", STR_ARG(m->text));
		w->done = true;
		return true;
	}
	if (++w->answered < ASKS)
		return true;
	set_rates(w);
	w->view = w->next;
	draw(w);
	loop_timer_start(w->timer, EVERY_MS);
	return true;
}

static const struct operator_queue_client_handlers handlers = {
    .queue_figures = on_figures,
    .queue_destination = on_destination,
    .queue_event = on_event,
    .queue_end = on_end,
};

/* --- life --------------------------------------------------------------- */

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct watch *w = ctx;
	(void)channel;
	fprintf(stderr, "postern: queue broke off: %s\n", why);
	w->done = true;
}

static void ask(void *ctx)
{
	struct watch *w = ctx;
	const struct msg_queue_destinations destinations = {.limit = VIEW_DESTINATIONS};
	const struct msg_queue_recent recent = {.after = w->serial};
	w->answered = 0;
	w->next.destination_count = 0;
	msg_queue_stats_send(w->channel, &(struct msg_queue_stats){}, NULL);
	msg_queue_destinations_send(w->channel, &destinations, NULL);
	msg_queue_recent_send(w->channel, &recent, NULL);
}

static void on_interrupt(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;
	(void)fd;
	(void)what;
	w->done = true;
	w->status = EX_OK;
}

int queue_watch(int fd, FILE *out)
{
	struct watch w = {.out = out, .terminal = isatty(fileno(out)) != 0, .status = EX_TEMPFAIL};
	setlocale(LC_CTYPE, "");
	w.style.colour = w.terminal && getenv("NO_COLOR") == NULL;
	w.style.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	w.timer = loop_timer(ask, &w);
	w.interrupt = loop_signal(SIGINT, on_interrupt, &w);
	w.channel = channel_new(fd, &operator_queue_client, &handlers, &w, on_closed);
	ask(&w);
	while (!w.done)
		event_base_loop(loop_base(), EVLOOP_ONCE);
	channel_free(w.channel);
	event_free(w.timer);
	event_free(w.interrupt);
	return w.status;
}
