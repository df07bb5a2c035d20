/* SPDX-License-Identifier: ISC
 *
 * A view of queue at work, drawn anew each second in a terminal's last lines; on
 * anything else a line a second. Ends with Ctrl-C, or when its reader goes.
 */
#ifndef POSTERN_QUEUE_WATCH_H
#define POSTERN_QUEUE_WATCH_H

#include "queue/queue-print.h"

/* Takes fd, a connection to queue.sock; returns a status of sysexits.h. */
int queue_watch(int fd, FILE *out);

/* What is shown: queue-view.c, which draws it, has no clock and no terminal. */
enum { VIEW_DESTINATIONS = 8, VIEW_EVENTS = 8, VIEW_RATES = 60, VIEW_NAME_MAX = 300 };

struct view_destination {
	char name[VIEW_NAME_MAX], reason[VIEW_NAME_MAX];
	uint32_t messages, in_flight, window, rate;
	uint64_t probe_in; /* seconds; UINT64_MAX: none */
	uint8_t state;
};

struct view_event {
	char time[16], status[17], recipient[VIEW_NAME_MAX], what[VIEW_NAME_MAX];
};

struct view {
	char time[32];
	struct msg_queue_figures figures;
	uint64_t oldest_s;	    /* age; UINT64_MAX: nothing waits */
	double in, out, deferred;   /* a second */
	double history[VIEW_RATES]; /* of `out`, a ring; the last at history_count - 1 */
	size_t history_count;
	struct view_destination destinations[VIEW_DESTINATIONS];
	size_t destination_count;
	struct view_event events[VIEW_EVENTS]; /* oldest first */
	size_t event_count;
};

struct view_style {
	unsigned width; /* columns */
	bool colour, utf8;
};

/* Draws it; how many lines it has. Each ends with the order to clear the rest. */
unsigned queue_view_draw(FILE *out, const struct view *v, const struct view_style *style);
/* One line for those who have no terminal. */
void queue_view_line(FILE *out, const struct view *v);

#endif
