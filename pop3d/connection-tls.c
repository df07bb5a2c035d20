/* SPDX-License-Identifier: ISC
 *
 * TLS on a connection: the handshake, its octets, and the pump to a session that knows
 * nothing of TLS. Invariant: in CONNECTION_TLS no octet of the dialogue is read or written,
 * but for the reply to STLS, before `tls` is made.
 */
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-pop3d-session.h"
#include "pop3d/connection-internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void log_note_of(const struct connection *c, const char *text)
{
	struct log_event ev;
	log_begin(&ev, LOG_INFO, str_from_cstr(c->session));
	log_note(&ev, str_from_cstr(text));
	log_end(&ev);
}

static void log_tls(const struct connection *c)
{
	char client[CLIENT_ADDRESS_MAX], text[LOG_VALUE_MAX];
	const struct tls_facts *f = c->facts;
	struct str peer = client_format(&c->client, client);
	snprintf(text, sizeof(text), "TLS connection %s from %.*s: %s with cipher %s (%u/%u bits)",
	    f->resumed ? "reused" : "established", STR_ARG(peer), f->version, f->cipher, f->bits,
	    f->bits);
	log_note_of(c, text);
}

static void log_tls_failure(const struct connection *c, const char *why)
{
	char client[CLIENT_ADDRESS_MAX], text[LOG_VALUE_MAX];
	struct str peer = client_format(&c->client, client);
	snprintf(text, sizeof(text), "TLS handshake failed from %.*s: %s", STR_ARG(peer), why);
	log_note_of(c, text);
}

/* As recv and send: octets of the dialogue, in TLS where there is one. */
ssize_t connection_get(struct connection *c, void *to, size_t n)
{
	if (c->tls != NULL)
		return tls_stream_result(tls_stream_read(c->tls, to, n));
	return recv(c->fd, to, n, MSG_DONTWAIT);
}

ssize_t connection_put(struct connection *c, struct str octets)
{
	if (c->tls != NULL)
		return tls_stream_result(tls_stream_write(c->tls, octets.p, octets.n, false));
	return send(c->fd, octets.p, octets.n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void connection_expect_tls(struct connection *c, const struct conf_listener *listener)
{
	if (listener->tls == CONF_TLS_NO)
		return;
	c->service = tls_service_get(TLS_SERVICE_POP3, listener->ask_certificate);
	c->implicit = listener->tls == CONF_TLS_IMPLICIT;
	c->login.stls = !c->implicit && tls_service_is_ready(c->service);
	c->login.passwords = c->login.passwords && listener->tls != CONF_TLS_REQUIRED;
}

/* Input that TLS has ready, of which the socket will not tell. */
void connection_look_ahead(struct connection *c)
{
	if (c->state == CONNECTION_READING && c->tls != NULL && tls_stream_has_more(c->tls))
		event_active(c->readable, EV_READ, 1);
}

static void enter_tls(struct connection *c)
{
	tls_stream_take_bindings(c->tls, c->facts);
	login_on_tls(&c->login, c->facts, auth_mechanisms_here(c->mechanisms, c->facts));
	log_tls(c);
	c->wake = 0;
	connection_enter(c, CONNECTION_READING);
	if (c->implicit)
		login_greet(&c->out, c->hostname);
	connection_flush(c);
	connection_look_ahead(c);
}

/* Watches for what the handshake waits for. */
static void await(struct connection *c, short what)
{
	if (what & EV_READ)
		event_add(c->readable, NULL);
	else
		event_del(c->readable);
	if (what & EV_WRITE && c->writable == NULL) {
		c->writable = loop_watch(c->fd, EV_WRITE, connection_on_writable, c);
	} else if (!(what & EV_WRITE) && c->writable != NULL) {
		event_free(c->writable);
		c->writable = NULL;
	}
}

void connection_handshake_late(struct connection *c)
{
	log_tls_failure(c, "it took too long");
	connection_enter(c, CONNECTION_CLOSED);
}

void connection_handshake_go_on(struct connection *c)
{
	const char *why = "";
	int rc = tls_stream_handshake(c->tls, c->facts, &why);
	if (rc == 1) {
		await(c, 0);
		enter_tls(c);
	} else if (rc == TLS_SIGNING) {
		await(c, 0);
	} else if (rc == TLS_AGAIN) {
		await(c, tls_stream_wants_write(c->tls) ? EV_WRITE : EV_READ);
	} else {
		log_tls_failure(c, why);
		connection_enter(c, CONNECTION_CLOSED);
	}
}

static void on_signed(void *ctx)
{
	connection_handshake_go_on(ctx);
}

void connection_handshake_begin(struct connection *c)
{
	c->tls = tls_stream_new(c->service, c->fd, on_signed, c);
	c->facts = xcalloc(1, sizeof(*c->facts));
	if (c->tls == NULL) {
		log_tls_failure(c, "there is no certificate");
		connection_enter(c, CONNECTION_CLOSED);
	} else {
		await(c, EV_READ);
	}
}

/* TLS stays here: the session gets a pipe. */
void connection_ask_for_pipe(struct connection *c)
{
	char client[CLIENT_ADDRESS_MAX];
	const struct msg_session_open_tls open = {.cookie = c->cookie,
	    .ticket = str_from(c->ticket, sizeof(c->ticket)),
	    .client = client_format(&c->client, client),
	    .session = str_from_cstr(c->session),
	    .pending = buf_str(&c->in)};
	if (c->opened || c->worker->session == NULL)
		return;
	c->opened = msg_session_open_tls_send(c->worker->session, &open, NULL);
}

static void on_pump_over(void *ctx, bool last_words)
{
	struct connection *c = ctx;
	if (last_words)
		c->deadline = loop_now_ms() + CONNECTION_LAST_MS;
	else
		connection_enter(c, CONNECTION_CLOSED);
}

bool connection_on_pipe(struct connection *c, int pipe)
{
	if (c->state != CONNECTION_HANDING || !c->opened)
		return false;
	connection_drop_events(c);
	explicit_bzero(c->in.p, c->in.p == NULL ? 0 : c->in.cap);
	buf_release(&c->in);
	c->deadline = UINT64_MAX;
	connection_enter(c, CONNECTION_PUMPING);
	c->pump = tls_pump_new(c->tls, c->fd, pipe, on_pump_over, c);
	return true;
}
