/* SPDX-License-Identifier: ISC */
#include "queue/queue-client.h"
#include "common/loop.h"

#include <sysexits.h>

struct session {
	struct channel *channel;
	struct queue_print *print;
	bool done;
	int status;
};

static bool on_entry(void *ctx, const struct msg_queue_entry *m, int *fds)
{
	struct session *s = ctx;
	(void)fds;
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

static bool on_end(void *ctx, const struct msg_queue_end *m, int *fds)
{
	struct session *s = ctx;
	(void)fds;
	s->done = true;
	s->status = m->ok ? EX_OK : EX_UNAVAILABLE;
	if (!m->ok)
		fprintf(stderr, "postern: %.*s\n", STR_ARG(m->text));
	return true;
}

static const struct operator_queue_client_handlers handlers = {
    .queue_entry = on_entry,
    .queue_chunk = on_chunk,
    .queue_figures = on_figures,
    .queue_end = on_end,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct session *s = ctx;
	(void)channel;
	if (!s->done)
		fprintf(stderr, "postern: queue broke off: %s\n", why);
	s->done = true;
}

static void begin(struct session *s, int fd, struct queue_print *print)
{
	*s = (struct session){.print = print, .status = EX_TEMPFAIL};
	s->channel = channel_new(fd, &operator_queue_client, &handlers, s, on_closed);
}

/* Waits for the answer, unless the ask did not go out. */
static int finish(struct session *s, bool asked)
{
	while (!s->done && (asked || channel_is_closed(s->channel)))
		event_base_loop(loop_base(), EVLOOP_ONCE);
	channel_free(s->channel);
	return s->status;
}

int queue_client_list(int fd, struct queue_print *print)
{
	struct session s;
	begin(&s, fd, print);
	const struct msg_queue_list m = {.after = 0, .limit = UINT32_MAX};
	int status = finish(&s, msg_queue_list_send(s.channel, &m, NULL));
	if (status == EX_OK)
		queue_print_list_end(print);
	return status;
}

int queue_client_show(int fd, struct queue_print *print, uint64_t id)
{
	struct session s;
	begin(&s, fd, print);
	const struct msg_queue_show m = {.id = id};
	return finish(&s, msg_queue_show_send(s.channel, &m, NULL));
}

int queue_client_stats(int fd, struct queue_print *print)
{
	struct session s;
	begin(&s, fd, print);
	return finish(&s, msg_queue_stats_send(s.channel, &(struct msg_queue_stats){}, NULL));
}

int queue_client_flush(int fd, struct queue_print *print, uint64_t id)
{
	struct session s;
	begin(&s, fd, print);
	const struct msg_queue_flush m = {.id = id};
	return finish(&s, msg_queue_flush_send(s.channel, &m, NULL));
}
