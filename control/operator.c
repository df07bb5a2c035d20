/* SPDX-License-Identifier: ISC */
#include "control/operator.h"
#include "control/certificates.h"
#include "control/suite.h"
#include "control/unix-socket.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-operator-control.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 32, ANSWER_TEXT_MAX = 8192, JUDGE_PATIENCE_MS = 10 * 1000 };

static const struct operator_orders *orders;
static unsigned clients;

static void answer(struct channel *channel, enum control_outcome outcome, struct str text)
{
	const struct msg_control_done m = {
	    .outcome = (uint8_t)outcome, .text = str_head(text, ANSWER_TEXT_MAX)};
	msg_control_done_send(channel, &m, NULL);
}

static void send_row(void *ctx, const struct program *p)
{
	struct channel *channel = ctx;
	const struct msg_program_status m = {
	    .name = str_from_cstr(p->wiring->file),
	    .instance = (uint16_t)p->self.instance,
	    .pid = (uint32_t)p->pid,
	    .ready = p->state == PROGRAM_READY,
	    .since = p->pid == 0 ? 0 : p->since,
	    .restarts = p->restarts,
	};
	msg_program_status_send(channel, &m, NULL);
}

/* The channel is made after its context, so the context is a pointer to it. */
struct client {
	LIST_ENTRY(client) link;
	struct channel *channel;
	struct event *patience; /* with keys, of one that waits for its verdicts; else NULL */
};

static LIST_HEAD(, client) waiting = LIST_HEAD_INITIALIZER(waiting);

static void answer_with_certificates(struct channel *channel)
{
	struct buf text = BUF_INIT(ANSWER_TEXT_MAX);
	size_t refused = certificates_report(&text, ANSWER_TEXT_MAX);
	answer(channel,
	    !certificates_are_judged() ? CONTROL_NOT_JUDGED
	    : refused > 0	       ? CONTROL_BAD_CERTIFICATES
				       : CONTROL_DONE,
	    buf_str(&text));
	buf_release(&text);
}

static bool on_status(void *ctx, const struct msg_control_status *m, int *fds)
{
	struct client *client = ctx;
	(void)m;
	(void)fds;
	suite_each(send_row, client->channel);
	answer_with_certificates(client->channel);
	return true;
}

static void wait_no_more(struct client *client)
{
	if (client->patience == NULL)
		return;
	LIST_REMOVE(client, link);
	event_free(client->patience);
	client->patience = NULL;
}

static void on_impatience(void *ctx)
{
	struct client *client = ctx;
	wait_no_more(client);
	answer_with_certificates(client->channel);
}

static void wait_for_verdicts(struct client *client)
{
	wait_no_more(client);
	client->patience = loop_timer(on_impatience, client);
	loop_timer_start(client->patience, JUDGE_PATIENCE_MS);
	LIST_INSERT_HEAD(&waiting, client, link);
}

static void on_judged(void)
{
	struct client *client;
	while ((client = LIST_FIRST(&waiting)) != NULL)
		on_impatience(client);
}

static bool on_reload(void *ctx, const struct msg_control_reload *m, int *fds)
{
	struct client *client = ctx;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	(void)m;
	(void)fds;
	if (!orders->reload(&faults))
		answer(client->channel, CONTROL_REFUSED, buf_str(&faults));
	else if (certificates_are_judged())
		answer_with_certificates(client->channel);
	else
		wait_for_verdicts(client);
	buf_release(&faults);
	return true;
}

static bool on_stop(void *ctx, const struct msg_control_stop *m, int *fds)
{
	struct client *client = ctx;
	(void)m;
	(void)fds;
	answer(client->channel, CONTROL_DONE, STR(""));
	if (!suite_is_stopping())
		orders->stop();
	return true;
}

static const struct operator_control_server_handlers handlers = {
    .control_status = on_status,
    .control_reload = on_reload,
    .control_stop = on_stop,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)why;
	wait_no_more(ctx);
	channel_free(channel);
	free(ctx);
	clients--;
}

static bool may_order(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static void on_connection(evutil_socket_t listener, short what, void *ctx)
{
	(void)what;
	(void)ctx;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (clients >= CLIENTS_MAX || !may_order(fd)) {
		log_message(LOG_WARNING, "a connection to control.sock was refused");
		close(fd);
		return;
	}
	struct client *client = xcalloc(1, sizeof(*client));
	client->channel = channel_new(fd, &operator_control_server, &handlers, client, on_closed);
	clients++;
}

int operator_open(const char *run, const struct operator_orders *o)
{
	orders = o;
	certificates_watch(on_judged);
	int fd = unix_socket_listen(run, "control.sock", SOCK_SEQPACKET, 0600);
	if (fd >= 0)
		loop_watch(fd, EV_READ, on_connection, NULL);
	return fd;
}
