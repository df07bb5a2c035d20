/* SPDX-License-Identifier: ISC */
#include "queue/queue-client.h"
#include "common/loop.h"
#include "common/mem.h"

#include <stdlib.h>
#include <sysexits.h>

/* Asks that may be unanswered at a time: fewer than OPERATOR_ASKS_MAX of queue/operator.h. */
enum { AHEAD_MAX = 8 };

struct session {
	struct channel *channel;
	struct queue_print *print;
	struct queue_ids *ids; /* entries are collected here instead of being printed */
	bool broken, denied;
	size_t asked, answered, refused;
	bool quiet; /* about refusals, but when nothing else came */
	char refusal[REASON_MAX + 1];
};

static bool on_entry(void *ctx, const struct msg_queue_entry *m, int *fds)
{
	struct session *s = ctx;
	(void)fds;
	if (s->ids != NULL)
		queue_ids_add(s->ids, m->id);
	else
		queue_print_entry(s->print, m);
	return true;
}

static bool on_chunk(void *ctx, const struct msg_queue_chunk *m, int *fds)
{
	struct session *s = ctx;
	(void)fds;
	queue_print_text(s->print, m->text);
	return true;
}

static bool on_figures(void *ctx, const struct msg_queue_figures *m, int *fds)
{
	struct session *s = ctx;
	(void)fds;
	queue_print_figures(s->print, m);
	return true;
}

static bool on_destination(void *ctx, const struct msg_queue_destination *m, int *fds)
{
	struct session *s = ctx;
	(void)fds;
	queue_print_destination(s->print, m);
	return true;
}

static bool on_reason(void *ctx, const struct msg_queue_reason *m, int *fds)
{
	struct session *s = ctx;
	(void)fds;
	queue_print_reason(s->print, m);
	return true;
}

static bool on_end(void *ctx, const struct msg_queue_end *m, int *fds)
{
	struct session *s = ctx;
	(void)fds;
	s->answered++;
	s->refused += !m->ok;
	s->denied = s->denied || m->denied;
	if (!m->ok)
		snprintf(s->refusal, sizeof(s->refusal), "%.*s", STR_ARG(m->text));
	return true;
}

static const struct operator_queue_client_handlers handlers = {
    .queue_entry = on_entry,
    .queue_chunk = on_chunk,
    .queue_figures = on_figures,
    .queue_destination = on_destination,
    .queue_reason = on_reason,
    .queue_end = on_end,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct session *s = ctx;
	(void)channel;
	fprintf(stderr, "postern: queue broke off: %s\n", why);
	s->broken = true;
}

static void begin(struct session *s, int fd, struct queue_print *print)
{
	*s = (struct session){.print = print};
	s->channel = channel_new(fd, &operator_queue_client, &handlers, s, on_closed);
}

/* Until at most `ahead` asks are without an answer. An ask that did not go out closes the
 * channel. */
static void wait_for(struct session *s, size_t ahead)
{
	while (!s->broken && s->asked - s->answered > ahead)
		event_base_loop(loop_base(), EVLOOP_ONCE);
}

static int finish(struct session *s)
{
	wait_for(s, 0);
	channel_free(s->channel);
	if (s->refused > 0 && (!s->quiet || s->refused == s->answered))
		fprintf(stderr, "postern: %s\n", s->refusal);
	if (s->broken)
		return EX_TEMPFAIL;
	return s->denied ? EX_NOPERM : s->refused > 0 ? EX_UNAVAILABLE : EX_OK;
}

static int finish_one(struct session *s, bool asked)
{
	if (!asked && !channel_is_closed(s->channel))
		s->broken = true;
	s->asked = 1;
	return finish(s);
}

int queue_client_list(int fd, struct queue_print *print, const struct msg_queue_list *which)
{
	struct session s;
	begin(&s, fd, print);
	int status = finish_one(&s, msg_queue_list_send(s.channel, which, NULL));
	if (status == EX_OK)
		queue_print_list_end(print);
	return status;
}

int queue_client_show(int fd, struct queue_print *print, uint64_t id)
{
	struct session s;
	begin(&s, fd, print);
	const struct msg_queue_show m = {.id = id};
	return finish_one(&s, msg_queue_show_send(s.channel, &m, NULL));
}

int queue_client_stats(int fd, struct queue_print *print, uint32_t limit)
{
	struct session s;
	const struct msg_queue_destinations destinations = {.limit = limit, .count = 1};
	begin(&s, fd, print);
	msg_queue_stats_send(s.channel, &(struct msg_queue_stats){}, NULL);
	msg_queue_destinations_send(s.channel, &destinations, NULL);
	s.asked = 2;
	int status = finish(&s);
	if (status == EX_OK)
		queue_print_stats_end(print);
	return status;
}

int queue_client_flush(int fd, struct queue_print *print, uint64_t id)
{
	struct session s;
	begin(&s, fd, print);
	const struct msg_queue_flush m = {.id = id};
	return finish_one(&s, msg_queue_flush_send(s.channel, &m, NULL));
}

/* --- many --------------------------------------------------------------- */

void queue_ids_add(struct queue_ids *ids, uint64_t id)
{
	if (ids->count == ids->cap) {
		ids->cap = ids->cap == 0 ? 64 : ids->cap * 2;
		ids->list = xreallocarray(ids->list, ids->cap, sizeof(*ids->list));
	}
	ids->list[ids->count++] = id;
}

void queue_ids_reset(struct queue_ids *ids)
{
	free(ids->list);
	*ids = (struct queue_ids){0};
}

int queue_client_collect(int fd, const struct msg_queue_list *which, struct queue_ids *ids)
{
	struct session s;
	begin(&s, fd, NULL);
	s.ids = ids;
	return finish_one(&s, msg_queue_list_send(s.channel, which, NULL));
}

static bool send_hold(struct channel *c, uint64_t id)
{
	return msg_queue_hold_send(c, &(struct msg_queue_hold){.id = id}, NULL);
}

static bool send_release(struct channel *c, uint64_t id)
{
	return msg_queue_release_send(c, &(struct msg_queue_release){.id = id}, NULL);
}

static bool send_delete(struct channel *c, uint64_t id)
{
	return msg_queue_delete_send(c, &(struct msg_queue_delete){.id = id}, NULL);
}

static bool (*const senders[])(struct channel *, uint64_t) = {
    [QUEUE_HOLD] = send_hold, [QUEUE_RELEASE] = send_release, [QUEUE_DELETE] = send_delete};

int queue_client_change(
    int fd, enum queue_change change, const struct queue_ids *ids, size_t *changed)
{
	struct session s;
	begin(&s, fd, NULL);
	s.quiet = ids->count > 1;
	for (size_t i = 0; i < ids->count && !s.broken; i++) {
		senders[change](s.channel, ids->list[i]);
		s.asked++;
		wait_for(&s, AHEAD_MAX);
	}
	int status = finish(&s);
	*changed = s.answered - s.refused;
	return status == EX_UNAVAILABLE && *changed > 0 ? EX_OK : status;
}
