/* SPDX-License-Identifier: ISC
 *
 * A session's octets, in clear or through TLS. While the handshake is under way the core sees
 * nothing.
 */
#include "deliver-remote/session-internal.h"
#include "common/log.h"
#include "common/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_MAX = 16 * 1024, READ_ROUNDS = 8 };

static uint8_t scratch[READ_MAX];

/* ---- TLS ---------------------------------------------------------------------------- */

void session_fail_tls(struct session *s, struct str why)
{
	bool ours = s->signing || (s->tls != NULL && tls_is_own_fault(s->tls));
	enum link_fault fault = ours ? LINK_KEYS : LINK_TLS;
	struct text reason;
	text_clear(&reason);
	text_add(&reason, STR("TLS handshake failed: "));
	text_add(&reason, why);
	session_set_fault(s, fault, text_str(&reason));
	s->resuming = !ours && s->tls != NULL && tls_has_offered_session(s->tls);
	s->passing = s->passing || (s->tls != NULL && tls_is_cut_off(s->tls));
	s->handshaking = false;
	if (!s->started)
		session_start_client(s);
	client_on_own_fault(&s->client, fault_status(fault), text_str(&reason));
}

void session_begin_handshake(struct session *s)
{
	s->step_ms = loop_now_ms();
	s->handshaking = true;
	s->tls = s->expect != NULL ? tls_new(s->fd, s->expect, session_on_signed, s) : NULL;
	if (s->tls == NULL)
		session_fail_tls(s, STR("what is demanded cannot be checked"));
}

static void log_tls(const struct session *s)
{
	static const char *const levels[] = {"Anonymous", "Untrusted", "Trusted", "Verified"};
	struct text line;
	struct log_event ev;
	text_clear(&line);
	text_printf(&line, "%s TLS connection %s to %s: ", levels[s->tls_level],
	    tls_is_resumed(s->tls) ? "reused" : "established", s->relay);
	tls_describe(s->tls, &line);
	log_begin(&ev, LOG_INFO, STR(""));
	log_note(&ev, text_str(&line));
	log_end(&ev);
}

static void end_handshake(struct session *s)
{
	s->handshaking = false;
	s->expect = NULL;
	s->tls_level = tls_level(s->tls);
	s->step_ms = loop_now_ms();
	log_tls(s);
	if (s->started)
		client_on_tls(&s->client);
	else
		session_start_client(s);
	if (s->tls_level == REMOTE_TLS_VERIFIED)
		client_on_verified(&s->client);
}

/* What the server does meanwhile can wait: a socket that is not emptied would be told of again and
 * again. */
static void await_signature(struct session *s, bool signing)
{
	if (signing == s->signing)
		return;
	s->signing = signing;
	s->step_ms = loop_now_ms();
	if (signing)
		event_del(&s->readable);
	else
		event_add(&s->readable, NULL);
}

void session_shake_hands(struct session *s)
{
	struct text why;
	text_clear(&why);
	int rc = tls_handshake(s->tls, &why);
	await_signature(s, rc == TLS_SIGNING);
	if (rc == TLS_SIGNING)
		return;
	if (rc == 1)
		end_handshake(s);
	else if (rc == TLS_FAILED)
		session_fail_tls(s, text_str(&why));
	else if (tls_wants_write(s->tls))
		event_add(&s->writable, NULL);
}

/* ---- octets --------------------------------------------------------------------------- */

static void lose(struct session *s, int error)
{
	struct text why;
	text_clear(&why);
	bool alert = s->tls != NULL && tls_explain_alert(s->tls, &why);
	if (alert && tls_is_refused(s->tls)) {
		session_fail_tls(s, text_str(&why));
		return;
	}
	if (!alert && error != 0)
		text_add(&why, str_from_cstr(strerrordesc_np(error)));
	if (error == ECONNRESET && s->phase == CLIENT_PHASE_GREETING)
		session_set_fault(s, LINK_RESET, text_str(&why));
	client_on_closed(&s->client, text_str(&why));
}

/* What it can; TLS_AGAIN, TLS_FAILED with errno, or octets. */
static int write_some(struct session *s)
{
	if (s->tls != NULL)
		return tls_write(s->tls, buf_data(&s->out), buf_len(&s->out));
	ssize_t n = send(s->fd, buf_data(&s->out), buf_len(&s->out), MSG_NOSIGNAL);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TLS_AGAIN : TLS_FAILED;
}

void session_flush(struct session *s)
{
	while (buf_len(&s->out) > 0 && !s->blocked) {
		int n = s->deaf ? TLS_FAILED : write_some(s);
		if (n == TLS_FAILED) {
			/* What the server said before it closed is still to be read. */
			buf_reset(&s->out);
			s->deaf = true;
			event_active(&s->readable, EV_READ, 0);
			return;
		}
		if (n == TLS_AGAIN) {
			s->blocked = true;
			event_add(&s->writable, NULL);
			return;
		}
		buf_consume(&s->out, (size_t)n);
		if (s->phase == CLIENT_PHASE_CONTENT)
			s->step_ms = loop_now_ms();
	}
	if (s->ready && buf_len(&s->out) == 0)
		buf_release(&s->out);
}

static int read_some(struct session *s)
{
	if (s->tls != NULL)
		return tls_read(s->tls, scratch, sizeof(scratch));
	ssize_t n = recv(s->fd, scratch, sizeof(scratch), 0);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TLS_AGAIN : TLS_FAILED;
}

void session_receive(struct session *s)
{
	for (int round = 0; round < READ_ROUNDS; round++) {
		if (s->handshaking || client_need(&s->client) == CLIENT_OVER)
			return;
		int n = read_some(s);
		if (n > 0) {
			client_feed(&s->client, str_from(scratch, (size_t)n));
			/* In clear, what is behind the 220 of STARTTLS is TLS's. */
			if (client_need(&s->client) == CLIENT_TLS)
				return;
			/* The socket was emptied; the event loop says when there is more. */
			if (s->tls == NULL && !s->deaf && (size_t)n < sizeof(scratch))
				return;
			continue;
		}
		if (n == TLS_AGAIN && s->tls != NULL && tls_wants_write(s->tls))
			event_add(&s->writable, NULL);
		if (n != TLS_AGAIN || s->deaf)
			lose(s, n == TLS_FAILED ? errno : 0);
		return;
	}
	/* More may wait inside TLS, where the socket does not show it. */
	if (s->tls != NULL && tls_has_more(s->tls))
		event_active(&s->readable, EV_READ, 0);
}
