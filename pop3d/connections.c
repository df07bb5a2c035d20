/* SPDX-License-Identifier: ISC
 *
 * Invariant: `by_idle` holds exactly the clients in CONNECTION_READING and CONNECTION_TLS, in the
 * order in which they came into it. Closed connections are freed at the end
 * of the loop's round, as their own callbacks may still be running.
 */
#include "pop3d/connections.h"
#include "common/client-unmap.h"
#include "common/hash.h"
#include "common/loop.h"
#include "common/loopback.h"
#include "common/mem.h"

#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICK_MS = 1000 };

TAILQ_HEAD(connection_list, connection);

static struct worker *worker;
static struct connection_list all = TAILQ_HEAD_INITIALIZER(all);
static struct connection_list by_idle = TAILQ_HEAD_INITIALIZER(by_idle);
static struct connection_list dead = TAILQ_HEAD_INITIALIZER(dead);
static struct hash *by_cookie;
static struct event *tick;
static bool burial_due;
static uint32_t last_cookie;
static uint32_t start_random; /* tells session ids of two starts apart */

static struct str cookie_of(const void *entry)
{
	const struct connection *c = entry;
	return str_from(&c->cookie, sizeof(c->cookie));
}

struct connection *connections_find(uint32_t cookie)
{
	return hash_find(by_cookie, str_from(&cookie, sizeof(cookie)));
}

void connections_each(void (*fn)(struct connection *c))
{
	struct connection *c, *next;
	for (c = TAILQ_FIRST(&all); c != NULL; c = next) {
		next = TAILQ_NEXT(c, all);
		fn(c);
	}
}

static void tick_one(struct connection *c)
{
	connection_tick(c, loop_now_ms());
}

static void on_tick(void *ctx)
{
	(void)ctx;
	connections_each(tick_one);
	if (!TAILQ_EMPTY(&all))
		loop_timer_start(tick, TICK_MS);
}

static void bury(void *ctx)
{
	struct connection *c;
	(void)ctx;
	burial_due = false;
	while ((c = TAILQ_FIRST(&dead)) != NULL) {
		TAILQ_REMOVE(&dead, c, all);
		connection_free(c);
	}
}

static void forget(struct connection *c)
{
	TAILQ_REMOVE(&all, c, all);
	hash_take(by_cookie, cookie_of(c));
	if (c->admitted)
		admission_leave(worker->admission, &c->client.any);
	TAILQ_INSERT_TAIL(&dead, c, all);
	if (!burial_due)
		loop_soon(bury, NULL);
	burial_due = true;
}

static void on_changed(struct connection *c, enum connection_state before)
{
	const unsigned idle = CONNECTION_READING | CONNECTION_TLS;
	if (before & idle)
		TAILQ_REMOVE(&by_idle, c, idle);
	if (c->state & idle)
		TAILQ_INSERT_TAIL(&by_idle, c, idle);
	if (c->state == CONNECTION_CLOSED)
		forget(c);
}

void connections_init(struct worker *w)
{
	worker = w;
	by_cookie = hash_new(cookie_of);
	tick = loop_timer(on_tick, NULL);
	if (getrandom(&start_random, sizeof(start_random), 0) < 0)
		start_random = (uint32_t)loop_wall_ms();
}

bool connections_evict(void)
{
	struct connection *c = TAILQ_FIRST(&by_idle);
	if (c == NULL)
		return false;
	connection_refuse(c, "[SYS/TEMP]", "too many connections, try again later");
	return true;
}

static uint32_t fresh_cookie(void)
{
	do
		last_cookie++;
	while (connections_find(last_cookie) != NULL);
	return last_cookie;
}

/* Each worker has its share: what the others say must not keep it from working. */
static bool has_place(const struct conf *conf)
{
	unsigned workers = conf->workers > 0 ? conf->workers : 1;
	return worker->admission == NULL ||
	       admission_count(worker->admission) <
		   (conf->pop3.connections_max + workers - 1) / workers;
}

/* NULL, or why not. */
static const char *admit(const union client *client, const struct conf *conf)
{
	if (!has_place(conf) && !(connections_evict() && has_place(conf)))
		return "-ERR [SYS/TEMP] too many connections, try again later\r\n";
	unsigned limit = conf_is_front_end(conf, &client->any) ? 0 : conf->pop3.connections_per_address;
	if (worker->admission != NULL && !admission_enter(worker->admission, &client->any, limit))
		return "-ERR [SYS/TEMP] too many connections from your address\r\n";
	return NULL;
}

static struct connection *add(int fd, const union client *client)
{
	struct connection *c = connection_new(worker, fd, client, fresh_cookie(), on_changed);
	snprintf(c->session, sizeof(c->session), "%08x%06x", start_random, c->cookie);
	c->admitted = worker->admission != NULL;
	if (TAILQ_EMPTY(&all))
		loop_timer_start(tick, TICK_MS);
	TAILQ_INSERT_TAIL(&all, c, all);
	TAILQ_INSERT_TAIL(&by_idle, c, idle);
	hash_put(by_cookie, c);
	return c;
}

void connections_accept(int fd, union client *client, const struct conf_listener *listener,
    const struct conf *conf)
{
	client_unmap(&client->any);
	const char *refusal = admit(client, conf);
	if (refusal != NULL) {
		/* Told once, not waited for; and not in clear where TLS is expected. */
		bool told = listener != NULL && listener->tls == CONF_TLS_IMPLICIT;
		if (!told && send(fd, refusal, strlen(refusal), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			log_debug("a refused client did not listen");
		close(fd);
		return;
	}
	connection_start(add(fd, client),
	    &(struct connection_settings){.hostname = conf->hostname,
		.listener = listener,
		.passwords = conf->pop3.plaintext_login || loopback_is_address(&client->any),
		.mechanisms = worker->mechanisms,
		.failures_max = conf->pop3.login_failures_max,
		.now = loop_now_ms(),
		.timeout_ms = conf->pop3.login_timeout * (uint64_t)1000});
}

static void close_one(struct connection *c)
{
	if (c->state != CONNECTION_HANDED)
		connection_refuse(c, "[SYS/TEMP]", "the server is being stopped");
}

void connections_close_all(void)
{
	connections_each(close_one);
}
