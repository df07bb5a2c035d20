/* SPDX-License-Identifier: ISC */
#include "directory/operators.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-operator-directory.h"
#include "directory/guesses.h"
#include "directory/server.h"
#include "directory/usage.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

struct operator_connection {
	LIST_ENTRY(operator_connection) link;
	struct channel *channel;
};

static LIST_HEAD(, operator_connection) connections = LIST_HEAD_INITIALIZER(connections);
static unsigned count;
static struct event *listener;
static int listener_fd = -1;

struct listing {
	struct operator_connection *to;
	struct str only;
	uint32_t count;
};

static void send_entry(void *ctx, const struct guess_report *r)
{
	struct listing *l = ctx;
	const struct msg_guess_entry m = {.kind = (uint8_t)r->kind,
	    .name = str_from_cstr(r->name),
	    .failures = r->failures,
	    .last = r->last_ms,
	    .refused_until = r->refused_until_ms};
	if (l->only.n > 0 && !str_caseeq(l->only, m.name))
		return;
	l->count++;
	msg_guess_entry_send(l->to->channel, &m, NULL);
}

static void send_end(struct operator_connection *c, uint32_t n)
{
	const struct msg_listing_end m = {.ok = 1, .count = n};
	msg_listing_end_send(c->channel, &m, NULL);
}

static bool on_list(void *ctx, const struct msg_guess_list *m, int *fds)
{
	struct listing l = {.to = ctx, .only = m->name};
	(void)fds;
	guesses_each(auth_verify_guesses(), loop_wall_ms(), send_entry, &l);
	send_end(ctx, l.count);
	return true;
}

static bool on_release(void *ctx, const struct msg_guess_release *m, int *fds)
{
	(void)fds;
	size_t n = guesses_release(auth_verify_guesses(), m->name);
	log_message(LOG_NOTICE, "%zu counters of failed logins released", n);
	send_end(ctx, (uint32_t)n);
	return true;
}

/* ---- usage ------------------------------------------------------------------------ */

static void send_usage(void *ctx, const struct usage_report *r)
{
	struct listing *l = ctx;
	char name[GUESS_NAME_SIZE], from[USAGE_CLIENTS][GUESS_NAME_SIZE];
	struct usage_from clients[USAGE_CLIENTS];
	struct guess_key key;
	const enum guess_kind kind = (enum guess_kind)r->key.p[0];
	const struct usage_limits limits = usage_limits_of(kind, server_rules()->conf);
	guess_key_format(r->key, name);
	if (l->only.n > 0 && !guess_key_is_meant(r->key, l->only))
		return;
	for (size_t i = 0; i < r->client_count; i++) {
		guess_key_make(&r->clients[i], STR(""), GUESS_ADDRESS, &key);
		guess_key_format(guess_key_str(&key), from[i]);
		clients[i].name = str_from_cstr(from[i]);
	}
	l->count++;
	msg_usage_entry_send(l->to->channel,
	    &(struct msg_usage_entry){.kind = (uint8_t)kind,
		.name = str_from_cstr(name),
		.hour = r->hour,
		.hour_limit = limits.hour,
		.day = r->day,
		.day_limit = limits.day,
		.held = server_rules()->conf->submission.over_limit_hold,
		.passed = r->told_s * 1000,
		.waits = r->waits,
		.clients = clients,
		.clients_count = r->client_count},
	    NULL);
}

static bool on_usage_list(void *ctx, const struct msg_usage_list *m, int *fds)
{
	struct listing l = {.to = ctx, .only = m->name};
	(void)fds;
	usage_each(answer_sender_usage(), loop_wall_ms() / 1000, send_usage, &l);
	send_end(ctx, l.count);
	return true;
}

static bool on_usage_release(void *ctx, const struct msg_usage_release *m, int *fds)
{
	(void)fds;
	size_t n = usage_release(answer_sender_usage(), m->name);
	log_message(LOG_NOTICE, "%zu counts of recipients set back", n);
	send_end(ctx, (uint32_t)n);
	return true;
}

/* ---- connections ------------------------------------------------------------------ */

static const struct operator_directory_server_handlers handlers = {.guess_list = on_list,
    .guess_release = on_release,
    .usage_list = on_usage_list,
    .usage_release = on_usage_release};

static void drop(struct operator_connection *c)
{
	LIST_REMOVE(c, link);
	count--;
	channel_free(c->channel);
	free(c);
}

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)channel;
	log_debug("operator: %s", why);
	drop(ctx);
}

static bool may_ask(int fd)
{
	struct ucred who;
	socklen_t n = sizeof(who);
	return count < OPERATORS_MAX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
	       (who.uid == 0 || who.uid == geteuid());
}

void operators_connect(int fd)
{
	if (!may_ask(fd)) {
		log_message(LOG_WARNING, "a connection to directory.sock was refused");
		close(fd);
		return;
	}
	struct operator_connection *c = xcalloc(1, sizeof(*c));
	LIST_INSERT_HEAD(&connections, c, link);
	count++;
	c->channel = channel_new(fd, &operator_directory_server, &handlers, c, on_closed);
}

static void on_connection(evutil_socket_t fd, short what, void *ctx)
{
	(void)what;
	(void)ctx;
	int connection = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (connection >= 0)
		operators_connect(connection);
}

static void unlisten(void)
{
	if (listener_fd < 0)
		return;
	event_free(listener);
	close(listener_fd);
	listener_fd = -1;
}

void operators_listen(int fd)
{
	unlisten();
	listener_fd = fd;
	listener = loop_watch(fd, EV_READ, on_connection, NULL);
}

void operators_end(void)
{
	unlisten();
	while (!LIST_EMPTY(&connections))
		drop(LIST_FIRST(&connections));
}
