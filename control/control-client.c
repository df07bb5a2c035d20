/* SPDX-License-Identifier: ISC */
#include "control/control-client.h"
#include "common/loop.h"

#include <stdio.h>
#include <sysexits.h>

/* A reload may open many sockets; everything else is answered at once. */
enum { ANSWER_PATIENCE_MS = 30 * 1000, ANSWER_TEXT_MAX = 64 * 1024 };

static struct {
	struct control_answer *answer;
	bool answered;
	const char *failure;
} asking;

static bool on_program(void *ctx, const struct msg_program_status *m, int *fds)
{
	(void)ctx;
	(void)fds;
	if (asking.answer->on_program != NULL)
		asking.answer->on_program(asking.answer->ctx, m);
	return true;
}

static bool on_done(void *ctx, const struct msg_control_done *m, int *fds)
{
	(void)ctx;
	(void)fds;
	asking.answered = true;
	asking.answer->outcome = (enum control_outcome)m->outcome;
	buf_append_str(&asking.answer->text, m->text);
	loop_exit();
	return true;
}

static const struct operator_control_client_handlers handlers = {
    .program_status = on_program,
    .control_done = on_done,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)channel;
	asking.failure = why;
	loop_exit();
}

static void on_timeout(void *ctx)
{
	(void)ctx;
	asking.failure = "it does not answer";
	loop_exit();
}

static void send_order(struct channel *channel, enum control_order order)
{
	if (order == CONTROL_STATUS)
		msg_control_status_send(channel, &(struct msg_control_status){}, NULL);
	else if (order == CONTROL_RELOAD)
		msg_control_reload_send(channel, &(struct msg_control_reload){}, NULL);
	else
		msg_control_stop_send(channel, &(struct msg_control_stop){}, NULL);
}

int control_ask(
    const struct command_context *ctx, enum control_order order, struct control_answer *answer)
{
	int fd = command_connect(ctx, "control.sock");
	if (fd < 0)
		return -fd;
	asking.answer = answer;
	asking.answered = false;
	asking.failure = NULL;
	buf_init(&answer->text, ANSWER_TEXT_MAX);
	struct channel *channel =
	    channel_new(fd, &operator_control_client, &handlers, NULL, on_closed);
	struct event *timeout = loop_timer(on_timeout, NULL);
	loop_timer_start(timeout, ANSWER_PATIENCE_MS);
	send_order(channel, order);
	loop_run();
	event_free(timeout);
	channel_free(channel);
	if (asking.answered)
		return EX_OK;
	fprintf(stderr, "postern: control: %s\n", asking.failure);
	return EX_UNAVAILABLE;
}
