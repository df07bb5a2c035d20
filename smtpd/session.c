/* SPDX-License-Identifier: ISC
 *
 * Invariant: a session is freed in one place, session_settle(), and never while
 * the core runs.
 */
#include "common/loop.h"
#include "common/loopback.h"
#include "common/mem.h"
#include "common/queue-id.h"
#include "smtpd/crowd.h"
#include "smtpd/session-internal.h"
#include "smtpd/session-log.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned worker_number;

/* ---- the end ---------------------------------------------------------------- */

static void free_session(struct session *s)
{
	session_log_disconnect(s);
	smtp_server_free(&s->smtp);
	deadline_clear(&s->deadline);
	session_tls_end(s);
	session_io_end(s);
	if (!s->local)
		crowd_dismiss(&s->address.any);
	policy_release(s->policy);
	crowd_leave(s);
	free(s->facts);
	free(s);
}

static bool said_goodbye(const struct session *s)
{
	return s->smtp.verb != NULL && s->smtp.verb->run != NULL &&
	       str_eq(str_from_cstr(s->smtp.verb->name), STR("QUIT"));
}

void session_settle(struct session *s)
{
	bool over = smtp_server_is_closed(&s->smtp) && !s->blocked;
	if (s->broken || (over && said_goodbye(s))) {
		free_session(s);
		return;
	}
	if (crowd_is_stopping() && s->smtp.phase == PHASE_COMMAND) {
		session_drop(s, STATUS_SHUTDOWN);
		return;
	}
	if (over && !s->lingering)
		session_io_linger(s);
	crowd_move(s);
	session_deadline_set(s);
}

void session_end(struct session *s, enum smtp_status status)
{
	smtp_server_end(&s->smtp, status);
	session_io_flush(s);
	session_settle(s);
}

void session_drop(struct session *s, enum smtp_status status)
{
	s->dropped = true;
	smtp_server_end(&s->smtp, status);
	session_io_flush(s);
	s->broken = true;
	session_settle(s);
}

/* ---- the beginning ---------------------------------------------------------- */

void session_setup(void)
{
	session_io_setup();
	session_deadline_setup();
	session_effects_setup();
}

void session_set_worker(unsigned worker)
{
	worker_number = worker;
}

/* Unique over workers and restarts: a time in microseconds that only grows, and the worker. */
static void new_id(char out[QUEUE_ID_SIZE])
{
	static uint64_t last;
	uint64_t us = loop_wall_ms() * 1000;
	last = us > last ? us : last + 1;
	queue_id_format(last * ADMISSION_WORKERS_MAX + worker_number % ADMISSION_WORKERS_MAX, out);
}

void session_client_format(
    const union client_address *address, uint32_t uid, char out[CLIENT_ADDRESS_MAX + 1])
{
	char text[INET6_ADDRSTRLEN] = "";
	if (address == NULL) {
		snprintf(out, CLIENT_ADDRESS_MAX + 1, "local uid %u", uid);
		return;
	}
	bool v6 = address->any.sa_family == AF_INET6;
	const void *octets =
	    v6 ? (const void *)&address->in6.sin6_addr : (const void *)&address->in.sin_addr;
	inet_ntop(address->any.sa_family, octets, text, sizeof(text));
	snprintf(out, CLIENT_ADDRESS_MAX + 1, "[%s%s]", v6 ? "IPv6:" : "", text);
}

static struct session *session_new(int fd, struct policy *policy)
{
	struct session *s = xcalloc(1, sizeof(*s));
	s->fd = fd;
	s->policy = policy_hold(policy);
	s->started_ms = s->waiting_ms = s->octet_ms = loop_now_ms();
	session_io_begin(s);
	return s;
}

static enum smtp_tls offer_of(const struct session_way *way)
{
	if (way->service == NULL)
		return SMTP_TLS_NO;
	return tls_service_is_ready(way->service) ? SMTP_TLS_OFFERED : SMTP_TLS_AWAY;
}

static void begin(struct session *s)
{
	if (s->way.tls == CONF_TLS_IMPLICIT)
		smtp_server_expect_tls(&s->smtp);
	else
		smtp_server_greet(&s->smtp);
	session_io_flush(s);
	if (s->way.tls == CONF_TLS_IMPLICIT)
		session_tls_begin(s);
	session_settle(s);
}

void session_start(int fd, const union client_address *address, const struct session_way *way,
    bool own_network, struct policy *policy)
{
	struct session *s = session_new(fd, policy);
	s->way = *way;
	s->local = address == NULL;
	if (address != NULL)
		s->address = *address;
	session_client_format(address, way->uid, s->client);
	new_id(s->id);
	smtp_server_init(&s->smtp, &policy->smtp, &session_effects, s, session_io_replies());
	s->smtp.client = str_from_cstr(s->client);
	s->smtp.id = str_from_cstr(s->id);
	s->smtp.own_network = own_network;
	s->smtp.submission = way->protocol == CONF_SUBMISSION;
	s->smtp.tls_offer = offer_of(way);
	s->smtp.tls_required = way->tls == CONF_TLS_REQUIRED;
	s->smtp.auth.offered = way->auth != CONF_AUTH_NO;
	s->smtp.auth.required = way->auth == CONF_AUTH_REQUIRED;
	s->smtp.auth.in_clear =
	    !s->smtp.tls_required &&
	    (policy->plaintext_login || (address != NULL && loopback_is_address(&address->any)));
	crowd_enter(s);
	session_log_connect(s);
	begin(s);
}
