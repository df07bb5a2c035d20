/* SPDX-License-Identifier: ISC */
#include "smtpd/listener.h"
#include "common/client-socket.h"
#include "common/client-unmap.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/service.h"
#include "common/tls-keys.h"
#include "smtpd/crowd.h"
#include "smtpd/session-log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPLY_ROOM = 1024, KEYS_WAIT_MS = 5 * 1000 };

struct listener {
	SLIST_ENTRY(listener) link;
	enum listener_kind kind;
	struct session_way way;
	int fd;
	struct event *readable;
};

static SLIST_HEAD(, listener) listeners = SLIST_HEAD_INITIALIZER(listeners);
static struct policy *policy;
static unsigned connections_max;
static struct event *resume_timer;

void listener_set_policy(struct policy *fresh, unsigned connections_limit)
{
	policy_release(policy);
	policy = fresh;
	connections_max = fresh->connections_max;
	if (connections_max > connections_limit) {
		connections_max = connections_limit;
		log_message(LOG_WARNING,
		    "only %u connections: the limit of open files (%s) does not suffice for %u",
		    connections_max, "LimitNOFILE, ulimit -n", fresh->connections_max);
	}
}

static void turn_away(int fd, const union client_address *address, enum smtp_status status)
{
	char client[CLIENT_ADDRESS_MAX + 1];
	struct buf out = BUF_INIT(REPLY_ROOM);
	reply_status(&out, status, policy->smtp.hostname);
	if (send(fd, out.p, out.end, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("a client that is turned away does not hear it: %m");
	buf_release(&out);
	close(fd);
	session_client_format(address, 0, client);
	session_log_turned_away(str_from_cstr(client), status);
}

static bool has_room(void)
{
	return crowd_count() < connections_max || crowd_give_way();
}

static void take_client(const struct listener *l, int fd, union client_address *address)
{
	client_unmap(&address->any);
	bool own = conf_is_own_network(service_conf(), &address->any);
	bool many = own || conf_is_front_end(service_conf(), &address->any);
	if (!crowd_admit(&address->any, many ? 0 : policy->connections_per_address)) {
		turn_away(fd, address, STATUS_ADDRESS_BUSY);
	} else if (!has_room()) {
		crowd_dismiss(&address->any);
		turn_away(fd, address, STATUS_NO_SLOTS);
	} else {
		session_start(fd, address, &l->way, own, policy);
	}
}

static void take_local_program(const struct listener *l, int fd)
{
	struct session_way way = l->way;
	struct ucred who;
	socklen_t n = sizeof(who);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 || !has_room()) {
		close(fd);
		return;
	}
	way.uid = who.uid;
	session_start(fd, NULL, &way, true, policy);
}

static void on_resume(void *ctx)
{
	struct listener *l;
	(void)ctx;
	SLIST_FOREACH(l, &listeners, link)
	event_add(l->readable, NULL);
}

/* Out of descriptors or memory: clients wait in the kernel's queue until somebody has left. */
static void pause_all(void)
{
	struct listener *l;
	log_message(LOG_WARNING, "clients have to wait: %m");
	crowd_give_way();
	SLIST_FOREACH(l, &listeners, link)
	event_del(l->readable);
	loop_timer_start(resume_timer, LISTENER_PAUSE_MS);
}

static bool accept_one(struct listener *l)
{
	union client_address address = {0};
	socklen_t n = sizeof(address);
	int fd = accept4(l->fd, &address.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		/* What is wrong with one client (RFC 1122 errors of a half-made connection) is no
		 * reason to stop. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_all();
		else
			return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
		return false;
	}
	if (l->kind == LISTENER_SENDMAIL)
		take_local_program(l, fd);
	else
		take_client(l, fd, &address);
	return true;
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < LISTENER_BATCH && accept_one(arg); i++)
		;
}

static struct session_way way_of(const struct conf_listener *conf)
{
	if (conf == NULL)
		return (struct session_way){.protocol = CONF_SMTP};
	bool submission = conf->protocol == CONF_SUBMISSION;
	struct session_way way = {.protocol = conf->protocol, .tls = conf->tls, .auth = conf->auth};
	if (conf->tls != CONF_TLS_NO)
		way.service = tls_service_get(
		    submission ? TLS_SERVICE_SUBMISSION : TLS_SERVICE_SMTP, conf->ask_certificate);
	return way;
}

void listener_go_on(void)
{
	struct listener *l;
	SLIST_FOREACH(l, &listeners, link)
	if (!tls_keys_are_awaited(l->way.tls))
		event_add(l->readable, NULL);
}

static void wait_for_keys(struct listener *l)
{
	if (!tls_keys_are_awaited(l->way.tls))
		return;
	event_del(l->readable);
	loop_timer_start(resume_timer, KEYS_WAIT_MS);
}

void listener_open(enum listener_kind kind, const struct conf_listener *conf, int fd)
{
	struct listener *l = xcalloc(1, sizeof(*l));
	if (resume_timer == NULL)
		resume_timer = loop_timer(on_resume, NULL);
	l->kind = kind;
	l->way = way_of(conf);
	l->fd = fd;
	if (kind != LISTENER_SENDMAIL && !client_socket_prepare(fd))
		log_message(LOG_WARNING, "options of a listener cannot be set: %m");
	l->readable = loop_watch(fd, EV_READ, on_connection, l);
	wait_for_keys(l);
	SLIST_INSERT_HEAD(&listeners, l, link);
}

void listener_close_all(void)
{
	struct listener *l;
	if (resume_timer != NULL)
		loop_timer_stop(resume_timer);
	while ((l = SLIST_FIRST(&listeners)) != NULL) {
		SLIST_REMOVE_HEAD(&listeners, link);
		event_free(l->readable);
		close(l->fd);
		free(l);
	}
}
