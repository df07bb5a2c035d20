/* SPDX-License-Identifier: ISC
 *
 * Invariant: no line is wider than the style says, so that the terminal wraps none
 * and the cursor finds its way back. Texts that come from mail are harmless ASCII
 * by now (queue-watch.c), so that octets are columns.
 */
#include "queue/queue-print-internal.h"
#include "queue/destination.h"
#include "queue/queue-watch.h"

#include <stdarg.h>

enum { LINE_MAX_OCTETS = 512 };

#define CLEAR_LINE "\033[K"

struct canvas {
	FILE *out;
	const struct view_style *style;
	unsigned lines;
};

/* `code`: of SGR, "" for none; it counts no column. */
static void draw_line(struct canvas *c, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void draw_line(struct canvas *c, const char *code, const char *format, ...)
{
	char line[LINE_MAX_OCTETS];
	va_list ap;
	const bool coloured = c->style->colour && code[0] != '\0';
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	fprintf(c->out, "%s%s%s%.*s%s%s\n", coloured ? "\033[" : "", coloured ? code : "",
	    coloured ? "m" : "", (int)c->style->width, line, coloured ? "\033[0m" : "", CLEAR_LINE);
	c->lines++;
}

static const char *const bars_utf8[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const bars_ascii[] = {" ", ".", ".", ":", ":", "=", "=", "#", "#"};

/* The rate of deliveries, a column a second, the last one at the right. */
static void draw_history(struct canvas *c, const struct view *v)
{
	const char *const *bars = c->style->utf8 ? bars_utf8 : bars_ascii;
	const char label[] = "out, a minute ";
	unsigned room = c->style->width > sizeof(label) + 12
			    ? c->style->width - (unsigned)sizeof(label) - 12
			    : 0;
	size_t n = room < VIEW_RATES ? room : VIEW_RATES;
	double most = 1;
	for (size_t i = 0; i < VIEW_RATES; i++)
		most = v->history[i] > most ? v->history[i] : most;
	fputs(label, c->out);
	for (size_t i = n; i-- > 0;) {
		size_t at = (v->history_count + VIEW_RATES - 1 - i) % VIEW_RATES;
		double share = i < v->history_count ? v->history[at] / most : 0;
		fputs(bars[share <= 0 ? 0 : 1 + (size_t)(share * 7)], c->out);
	}
	fprintf(c->out, " %.0f/s%s\n", most, CLEAR_LINE);
	c->lines++;
}

static void draw_figures(struct canvas *c, const struct view *v)
{
	char oldest[AGE_TEXT_SIZE];
	queue_print_age(oldest, v->oldest_s);
	draw_line(c, "1", "postern queue at %s", v->time);
	draw_line(c, "", "waiting %llu message%s for %llu recipient%s, the oldest %s",
	    (unsigned long long)v->figures.messages, str_plural(v->figures.messages),
	    (unsigned long long)v->figures.recipients, str_plural(v->figures.recipients), oldest);
	draw_line(c, "",
	    "in %.1f/s   out %.1f/s   deferred %.1f/s   under way %u   destinations %u, %u dead",
	    v->in, v->out, v->deferred, v->figures.in_flight, v->figures.destinations,
	    v->figures.dead);
}

static void draw_destination(struct canvas *c, const struct view_destination *d)
{
	char mail[COUNT_TEXT_SIZE], probe[AGE_TEXT_SIZE], slots[32];
	queue_print_count(mail, d->messages);
	queue_print_age(probe, d->probe_in);
	snprintf(slots, sizeof(slots), "%u/%u", d->in_flight, d->window);
	draw_line(c,
	    d->state == DESTINATION_DEAD      ? "31"
	    : d->state == DESTINATION_PROBING ? "33"
					      : "",
	    "%-28.28s %5s %-7s %7s %5s %s", d->name, mail, queue_print_state(d->state), slots,
	    probe, d->reason);
}

static void draw_event(struct canvas *c, const struct view_event *e)
{
	const bool sent = strcmp(e->status, "sent") == 0,
		   bounced = strcmp(e->status, "bounced") == 0;
	draw_line(c,
	    sent      ? "32"
	    : bounced ? "31"
		      : "33",
	    "%-8s %-8s %-30.30s %s", e->time, e->status, e->recipient, e->what);
}

unsigned queue_view_draw(FILE *out, const struct view *v, const struct view_style *style)
{
	struct canvas c = {.out = out, .style = style};
	draw_figures(&c, v);
	draw_history(&c, v);
	draw_line(&c, "", "%s", "");
	draw_line(&c, "4", "%-28s %5s %-7s %7s %5s %s", "DESTINATION", "mail", "state", "slots",
	    "probe", "last reason");
	for (size_t i = 0; i < v->destination_count; i++)
		draw_destination(&c, &v->destinations[i]);
	if (v->destination_count == 0)
		draw_line(&c, "", "nothing waits");
	draw_line(&c, "", "%s", "");
	draw_line(&c, "4", "%-8s %-8s %-30s %s", "TIME", "status", "recipient", "where, and why");
	for (size_t i = 0; i < v->event_count; i++)
		draw_event(&c, &v->events[i]);
	return c.lines;
}

void queue_view_line(FILE *out, const struct view *v)
{
	char oldest[AGE_TEXT_SIZE];
	queue_print_age(oldest, v->oldest_s);
	fprintf(out,
	    "%s messages=%llu recipients=%llu oldest=%s in=%.1f/s out=%.1f/s deferred=%.1f/s "
	    "under-way=%u destinations=%u dead=%u\n",
	    v->time, (unsigned long long)v->figures.messages,
	    (unsigned long long)v->figures.recipients, oldest, v->in, v->out, v->deferred,
	    v->figures.in_flight, v->figures.destinations, v->figures.dead);
}
