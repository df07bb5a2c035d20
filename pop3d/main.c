/* SPDX-License-Identifier: ISC
 *
 * pop3d: the login worker. Speaks POP3 with strangers until the password is right.
 *
 *   runs as    postern-pop3d, in an empty root
 *   reads      nothing but its sockets
 *   writes     nothing but its sockets
 *   talks to   clients; directory, which checks passwords; keys, which signs handshakes;
 *              pop3d-session, which gets the connection of whoever has logged in, or one end
 *              of a pipe to who did so in TLS
 *   may never  open a file, see a mailbox or a password hash, connect anywhere
 */
#include "common/client-socket.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/msg-pop3d-session.h"
#include "common/service.h"
#include "common/tls-keys.h"
#include "common/tls-service.h"
#include "pop3d/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LISTENERS_MAX = 64,
	ACCEPTS_PER_ROUND = 32,
	KEYS_WAIT_MS = 5000,
	ACCEPT_PAUSE_MS = 500, /* when not even an idle connection can give way */
	FILES_BESIDES = 128,
};

static struct worker worker;
static struct listener {
	struct event *event;
	/* The configuration's row is another after a reload, and so are the listeners then. */
	const struct conf_listener *conf;
} listeners[LISTENERS_MAX];
static size_t listener_count;
static struct event *accept_again;

static void pause_accepting(void)
{
	for (size_t i = 0; i < listener_count; i++)
		event_del(listeners[i].event);
	loop_timer_start(accept_again, ACCEPT_PAUSE_MS);
}

static void on_accept_again(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < listener_count; i++)
		event_add(listeners[i].event, NULL);
}

static bool is_out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_connectable(evutil_socket_t listener, short what, void *ctx)
{
	const struct listener *l = ctx;
	(void)what;
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		union client client = {.any.sa_family = AF_UNSPEC};
		socklen_t n = sizeof(client);
		int fd = accept4((int)listener, &client.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			connections_accept(fd, &client, l->conf, service_conf());
		else if (!is_out_of_descriptors(errno))
			return;
		else if (!connections_evict())
			return pause_accepting();
	}
}

static bool is_awaiting_keys(const struct listener *l)
{
	return l->conf != NULL && tls_keys_are_awaited(l->conf->tls);
}

static void on_listener(const struct conf_listener *listener, enum listener_kind kind, int fd)
{
	if (kind != LISTENER_POP3 || listener_count == LISTENERS_MAX) {
		close(fd);
		return;
	}
	struct listener *l = &listeners[listener_count++];
	l->conf = listener;
	if (!client_socket_prepare(fd))
		log_message(LOG_WARNING, "options of a listener cannot be set: %m");
	l->event = loop_watch(fd, EV_READ, on_connectable, l);
	if (is_awaiting_keys(l)) {
		event_del(l->event);
		loop_timer_start(accept_again, KEYS_WAIT_MS);
	}
}

static void on_keys(void)
{
	tls_services_refresh();
	for (size_t i = 0; i < listener_count; i++)
		if (!is_awaiting_keys(&listeners[i]))
			event_add(listeners[i].event, NULL);
}

static void close_listeners(void)
{
	loop_timer_stop(accept_again);
	while (listener_count > 0) {
		struct event *ev = listeners[--listener_count].event;
		close(event_get_fd(ev));
		event_free(ev);
	}
}

static bool on_challenge(void *ctx, const struct msg_login_challenge *m, int *fds)
{
	struct connection *c = connections_find(m->message.cookie);
	(void)ctx;
	(void)fds;
	if (c != NULL)
		connection_on_challenge(c, m->message.octets);
	return true;
}

static bool on_outcome(void *ctx, const struct msg_login_outcome *m, int *fds)
{
	struct connection *c = connections_find(m->result.cookie);
	(void)ctx;
	(void)fds;
	if (c != NULL)
		connection_on_outcome(c, &m->result);
	return true;
}

/* For connections from now on. */
static bool on_offer(void *ctx, const struct msg_login_offer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	worker.mechanisms = m->mechanisms;
	return true;
}

static bool on_session_pipe(void *ctx, const struct msg_session_pipe *m, int *fds)
{
	struct connection *c = connections_find(m->cookie);
	(void)ctx;
	if (c != NULL && connection_on_pipe(c, fds[0]))
		fds[0] = -1;
	return true;
}

static bool on_session_ended(void *ctx, const struct msg_session_ended *m, int *fds)
{
	struct connection *c = connections_find(m->cookie);
	(void)ctx;
	(void)fds;
	if (c != NULL)
		connection_on_ended(c);
	return true;
}

static const struct pop3d_directory_client_handlers directory_handlers = {
    .login_challenge = on_challenge, .login_outcome = on_outcome, .login_offer = on_offer};
static const struct pop3d_session_client_handlers session_handlers = {
    .session_pipe = on_session_pipe, .session_ended = on_session_ended};

static void on_directory_gone(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel), "the channel to directory is closed: %s", why);
	channel_free(channel);
	worker.directory = NULL;
	connections_each(connection_on_directory_lost);
}

/* Its sessions may go on, but nobody will say when they are over. */
static void on_session_gone(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel), "the channel to pop3d-session is closed: %s", why);
	channel_free(channel);
	worker.session = NULL;
	connections_each(connection_on_ended);
}

static void use_directory(int fd)
{
	if (worker.directory != NULL)
		on_directory_gone(NULL, worker.directory, "there is a new one");
	worker.directory =
	    channel_new(fd, &pop3d_directory_client, &directory_handlers, NULL, on_directory_gone);
}

static void use_session(int fd)
{
	if (worker.session != NULL)
		on_session_gone(NULL, worker.session, "there is a new one");
	worker.session =
	    channel_new(fd, &pop3d_session_client, &session_handlers, NULL, on_session_gone);
	connections_each(connection_on_session_channel);
}

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)instance;
	if (edge == EDGE_pop3d_directory)
		use_directory(fd);
	else if (edge == EDGE_pop3d_session)
		use_session(fd);
	else if (edge == EDGE_pop3d_keys)
		tls_keys_connect(fd);
	else
		close(fd);
}

static void on_admission(struct admission *admission, unsigned number)
{
	(void)number;
	worker.admission = admission;
}

static void before_jail(struct service *self, const struct conf *conf)
{
	self->sandbox.files_max =
	    conf->pop3.connections_max + conf->pop3.sessions_max + FILES_BESIDES;
	tls_keys_setup(on_keys);
}

static void in_jail(const struct conf *conf)
{
	(void)conf;
	accept_again = loop_timer(on_accept_again, NULL);
	connections_init(&worker);
}

static void on_reload(const struct conf *conf)
{
	(void)conf;
	close_listeners();
}

static void on_stop(void)
{
	close_listeners();
	connections_close_all();
	loop_exit();
}

static struct service pop3d = {
    .program = PROGRAM_pop3d,
    .before_jail = before_jail,
    .in_jail = in_jail,
    .on_peer = on_peer,
    .on_listener = on_listener,
    .on_admission = on_admission,
    .on_reload = on_reload,
    .on_stop = on_stop,
};

int main(int argc, char **argv)
{
	return service_main(&pop3d, argc, argv);
}
