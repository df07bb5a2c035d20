/* SPDX-License-Identifier: ISC
 *
 * pop3d-session: opens mailboxes for those whose password was right.
 *
 *   runs as    postern-mail, with the mailboxes' directory as its root
 *   reads      the mailboxes, through its children alone
 *   writes     the mailboxes, likewise
 *   talks to   directory, which says who may open what; pop3d, which passes connections;
 *              pop3d-owner, for processes that are users of the machine
 *   may never  look at what a client sends (its children do, each with one mailbox and
 *              nothing else), start a program, connect anywhere
 */
#include "common/admission.h"
#include "common/log.h"
#include "common/mailbox-path.h"
#include "common/mailbox-root.h"
#include "common/mem.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-session.h"
#include "common/service.h"
#include "pop3d/grants.h"
#include "pop3d/sessions.h"
#include "pop3d/system-sessions.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { FILES_BESIDES = 1024, TICK_MS = 1000 };

static struct channel *directory;
static struct channel *workers[ADMISSION_WORKERS_MAX];
static struct grants *grants;
static struct event *tick;
static char *root;
static char *template; /* the configuration it comes from may be gone */

static void on_tick(void *ctx)
{
	(void)ctx;
	grants_tick(grants, loop_now_ms());
	if (grants_count(grants) > 0)
		loop_timer_start(tick, TICK_MS);
}

static bool on_session_grant(void *ctx, const struct msg_session_grant *m, int *fds)
{
	(void)ctx;
	(void)fds;
	grants_add(grants, m->ticket, (struct grant){m->address, m->uid}, loop_now_ms());
	loop_timer_start(tick, TICK_MS);
	return m->ticket.n == TICKET_SIZE;
}

static const struct directory_session_server_handlers directory_handlers = {
    .session_grant = on_session_grant};

/* A session is over, or did not begin. */
static void on_ended(unsigned worker, uint32_t cookie)
{
	if (workers[worker] != NULL)
		msg_session_ended_send(workers[worker], &(struct msg_session_ended){cookie}, NULL);
}

static bool on_session_open(void *ctx, const struct msg_session_open *m, int *fds)
{
	unsigned worker = (unsigned)(uintptr_t)ctx;
	struct session_request *request = session_request_new(worker, m, fds[0]);
	fds[0] = -1;
	grants_request(grants, m->ticket, request, loop_now_ms());
	loop_timer_start(tick, TICK_MS);
	return true;
}

/* The session gets one end of a pair; what TLS makes of it at the other end is pop3d's affair. */
static bool on_session_open_tls(void *ctx, const struct msg_session_open_tls *m, int *fds)
{
	unsigned worker = (unsigned)(uintptr_t)ctx;
	int ends[2];
	(void)fds;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
		log_message(LOG_WARNING, "a session cannot be begun: %m");
		on_ended(worker, m->cookie);
		return true;
	}
	msg_session_pipe_send(workers[worker], &(struct msg_session_pipe){m->cookie}, &ends[1]);
	close(ends[1]);
	const struct msg_session_open open = {
	    m->cookie, m->ticket, m->client, m->session, m->pending};
	struct session_request *request = session_request_new(worker, &open, ends[0]);
	grants_request(grants, m->ticket, request, loop_now_ms());
	loop_timer_start(tick, TICK_MS);
	return true;
}

static const struct pop3d_session_server_handlers worker_handlers = {
    .session_open = on_session_open, .session_open_tls = on_session_open_tls};

/* A request and its grant, or its end, have come together. */
static void on_decided(void *ctx, void *request, struct grant grant)
{
	struct buf path = BUF_INIT(MAILBOX_PATH_MAX);
	(void)ctx;
	if (grant.address.n == 0)
		session_request_refuse(request, "the login took too long, try again");
	else if (grant.uid != 0)
		system_session_start(request, grant.address, grant.uid);
	else if (!mailbox_path(template, grant.address, &path) || !buf_append_u8(&path, '\0'))
		session_request_refuse(request, "there is no mailbox for this address");
	else
		session_request_start(request, grant.address, (const char *)buf_data(&path));
	buf_release(&path);
}

static void on_directory_gone(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel), "the channel to directory is closed: %s", why);
	channel_free(channel);
	directory = NULL;
}

static void on_worker_gone(void *ctx, struct channel *channel, const char *why)
{
	unsigned worker = (unsigned)(uintptr_t)ctx;
	log_message(channel_loss_level(channel), "the channel to pop3d %u is closed: %s", worker, why);
	channel_free(channel);
	workers[worker] = NULL;
	sessions_forget_worker(worker);
}

static void use_worker(unsigned worker, int fd)
{
	void *ctx = (void *)(uintptr_t)worker;
	if (workers[worker] != NULL)
		on_worker_gone(ctx, workers[worker], "there is a new one");
	workers[worker] =
	    channel_new(fd, &pop3d_session_server, &worker_handlers, ctx, on_worker_gone);
}

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	if (edge == EDGE_directory_session) {
		channel_free(directory);
		directory = channel_new(
		    fd, &directory_session_server, &directory_handlers, NULL, on_directory_gone);
	} else if (edge == EDGE_session_owner) {
		system_sessions_peer(fd);
	} else if (edge == EDGE_pop3d_session && instance < ADMISSION_WORKERS_MAX) {
		use_worker(instance, fd);
	} else {
		close(fd);
	}
}

static void before_jail(struct service *self, const struct conf *conf)
{
	root = mailbox_root_path(conf);
	mailbox_root_make(root, self->user);
	self->sandbox.files_max = conf->pop3.sessions_max + FILES_BESIDES;
}

static void in_jail(const struct conf *conf)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		log_fatal(EX_NOPERM, "the mailboxes' directory %s cannot be read: %m", root);
	template = xstrdup(conf->mailboxes);
	tick = loop_timer(on_tick, NULL);
	grants = grants_new(on_decided, NULL);
	sessions_init(fd, on_ended);
	system_sessions_init();
}

/* The jail was made around the old root. */
static void on_reload(const struct conf *conf)
{
	char *fresh = mailbox_root_path(conf);
	bool moved = strcmp(fresh, root) != 0;
	free(fresh);
	if (moved) {
		log_message(LOG_ERR,
		    "\"mailboxes\" names another directory now: mailboxes are read below %s "
		    "until the suite is stopped and started again",
		    root);
		return;
	}
	free(template);
	template = xstrdup(conf->mailboxes);
}

static struct service pop3d_session = {
    .program = PROGRAM_pop3d_session,
    .before_jail = before_jail,
    .in_jail = in_jail,
    .on_peer = on_peer,
    .on_reload = on_reload,
};

int main(int argc, char **argv)
{
	return service_main(&pop3d_session, argc, argv);
}
