/* SPDX-License-Identifier: ISC */
#include "control/operator.h"
#include "control/suite.h"
#include "control/unix-socket.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-operator-control.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 32, ANSWER_TEXT_MAX = 8192 };

static const struct operator_orders *orders;
static unsigned clients;

static void answer(struct channel *channel, bool ok, struct str text)
{
	const struct msg_control_done m = {.ok = ok, .text = str_head(text, ANSWER_TEXT_MAX)};
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
	struct channel *channel;
};

static bool on_status(void *ctx, const struct msg_control_status *m, int *fds)
{
	struct client *client = ctx;
	(void)m;
	(void)fds;
	suite_each(send_row, client->channel);
	answer(client->channel, true, STR(""));
	return true;
}

static bool on_reload(void *ctx, const struct msg_control_reload *m, int *fds)
{
	struct client *client = ctx;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	(void)m;
	(void)fds;
	bool ok = orders->reload(&faults);
	answer(client->channel, ok, buf_str(&faults));
	buf_release(&faults);
	return true;
}

static bool on_stop(void *ctx, const struct msg_control_stop *m, int *fds)
{
	struct client *client = ctx;
	(void)m;
	(void)fds;
	answer(client->channel, true, STR(""));
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
	int fd = unix_socket_listen(run, "control.sock", SOCK_SEQPACKET, 0600);
	if (fd >= 0)
		loop_watch(fd, EV_READ, on_connection, NULL);
	return fd;
}
