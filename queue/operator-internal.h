/* SPDX-License-Identifier: ISC
 *
 * Shared by operator.c (connections), operator-asks.c, operator-show.c and
 * operator-survey.c (answers).
 */
#ifndef POSTERN_QUEUE_OPERATOR_INTERNAL_H
#define POSTERN_QUEUE_OPERATOR_INTERNAL_H

#include "common/msg-operator-queue.h"
#include "queue/filter.h"
#include "queue/operator.h"

struct survey;

enum ask_kind {
	ASK_LIST,
	ASK_SHOW,
	ASK_STATS,
	ASK_FLUSH,
	ASK_HOLD,
	ASK_RELEASE,
	ASK_DELETE,
	ASK_DESTINATIONS,
	ASK_RECENT
};

/* What was asked, and how far the answer is. */
struct ask {
	uint8_t kind;
	uint8_t phase;	       /* of a show */
	uint64_t id;	       /* list: after it; show, flush: the message, 0: all */
	uint64_t offset;       /* of a show: recipient, or octet of the content */
	uint32_t limit;	       /* of a list: entries still to send */
	bool count;	       /* of destinations: all mail is counted */
	struct filter *filter; /* of a list; owned, NULL: none */
	struct survey *survey; /* of destinations that are counted; owned */
};

struct operator_connection {
	struct operators *all;
	struct operator_connection *next;
	struct channel *channel;
	struct event *timer;
	uint32_t uid;
	uint64_t last_progress;
	size_t last_backlog;
	struct ask asks[OPERATOR_ASKS_MAX];
	size_t first, count;
};

/* Sends the next piece of the answer; true when it was the last. */
typedef bool ask_step_fn(struct operator_connection *c, struct ask *ask);
ask_step_fn ask_list_step, ask_show_step, ask_stats_step, ask_flush_step, ask_hold_step,
    ask_release_step, ask_delete_step, ask_destinations_step, ask_recent_step;

/* Ends an answer; `problem` NULL: well. Returns true. */
bool ask_end(struct operator_connection *c, const char *problem);

#endif
