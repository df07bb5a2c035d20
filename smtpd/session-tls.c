/* SPDX-License-Identifier: ISC
 *
 * TLS on a session's socket. Invariant: while a handshake is under way the core is in
 * PHASE_TLS, and not an octet goes to it or comes from it.
 */
#include "common/mem.h"
#include "common/loop.h"
#include "common/service.h"
#include "smtpd/session-internal.h"
#include "smtpd/session-log.h"

#include <stdlib.h>
#include <sys/socket.h>

static void on_signed(void *ctx)
{
	session_tls_go_on(ctx);
}

static void fail(struct session *s, const char *why)
{
	session_log_tls_failure(s, why);
	s->broken = true;
}

void session_tls_begin(struct session *s)
{
	s->handshake_ms = loop_now_ms();
	s->tls = tls_stream_new(s->way.service, s->fd, on_signed, s);
	s->facts = xcalloc(1, sizeof(*s->facts));
	if (s->tls == NULL)
		fail(s, "there is no certificate");
	else if (buf_len(&s->kept) > 0)
		fail(s, "there was input before it");
	else
		session_io_await(s, EV_READ);
}

/* RFC 3207 §4.2; of implicit TLS it is the beginning. */
static void enter_tls(struct session *s)
{
	bool known = s->facts->has_peer && conf_may_relay(service_conf(), s->facts->peer_sha256);
	if (s->way.auth != CONF_AUTH_NO)
		tls_stream_take_bindings(s->tls, s->facts);
	s->handshake_ms = 0;
	s->waiting_ms = loop_now_ms();
	s->smtp.may_relay = s->smtp.may_relay || known;
	smtp_server_on_tls(&s->smtp, s->facts);
	session_log_tls(s);
	if (s->way.tls == CONF_TLS_IMPLICIT)
		smtp_server_greet(&s->smtp);
	session_io_resume(s);
}

void session_tls_go_on(struct session *s)
{
	const char *why = "";
	int rc = tls_stream_handshake(s->tls, s->facts, &why);
	if (rc == 1) {
		enter_tls(s);
		return;
	}
	if (rc == TLS_SIGNING)
		session_io_await(s, 0);
	else if (rc == TLS_AGAIN)
		session_io_await(s, tls_stream_wants_write(s->tls) ? EV_WRITE : EV_READ);
	else if (rc == TLS_FAILED)
		fail(s, why);
	session_settle(s);
}

ssize_t session_tls_recv(struct session *s, void *to, size_t n)
{
	return s->tls == NULL ? recv(s->fd, to, n, 0) : tls_stream_result(tls_stream_read(s->tls, to, n));
}

ssize_t session_tls_send(struct session *s, const void *from, size_t n, int flags)
{
	return s->tls == NULL ? send(s->fd, from, n, flags)
			      : tls_stream_result(tls_stream_write(s->tls, from, n, flags & MSG_MORE));
}

void session_tls_end(struct session *s)
{
	if (s->tls == NULL)
		return;
	tls_stream_close(s->tls);
	tls_stream_free(s->tls);
	s->tls = NULL;
}
