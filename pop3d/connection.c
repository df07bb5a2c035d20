/* SPDX-License-Identifier: ISC
 *
 * Invariant: the dialogue's octets are read only in CONNECTION_READING; what the client sends
 * ahead waits in the kernel, or in `in` and travels with the hand-over. A state is
 * changed by connection_enter() alone.
 */
#include "pop3d/connection.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-pop3d-session.h"
#include "pop3d/connection-internal.h"
#include "pop3d/pop3.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_SIZE = 4096, DRAIN_MAX = 64 * 1024 };

static connection_changed_fn *on_changed;

static void log_failure(const struct connection *c, struct str note)
{
	char client[CLIENT_ADDRESS_MAX];
	struct log_event ev;
	log_begin(&ev, LOG_INFO, str_from_cstr(c->session));
	log_str(&ev, "client", client_format(&c->client, client));
	log_address(&ev, "user", str_from_cstr(c->login.user));
	log_note(&ev, note);
	log_end(&ev);
}

void connection_drop_events(struct connection *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	c->readable = c->writable = NULL;
}

/* Input is read away first: closing over it would make the kernel throw the last reply away. */
static void close_socket(struct connection *c)
{
	char unread[READ_SIZE];
	if (c->tls != NULL)
		tls_stream_close(c->tls);
	tls_stream_free(c->tls);
	c->tls = NULL;
	if (c->fd < 0)
		return;
	shutdown(c->fd, SHUT_WR);
	for (size_t i = 0; i < DRAIN_MAX / READ_SIZE; i++)
		if (recv(c->fd, unread, sizeof(unread), MSG_DONTWAIT) <= 0)
			break;
	close(c->fd);
	c->fd = -1;
}

/* The events go first: the socket may live on in another process, and would keep on being watched.
 */
static void release(struct connection *c)
{
	connection_drop_events(c);
	tls_pump_free(c->pump);
	c->pump = NULL;
	close_socket(c);
	free(c->facts);
	c->facts = NULL;
	free((char *)(uintptr_t)c->hostname);
	c->hostname = NULL;
	if (c->in.p != NULL)
		explicit_bzero(c->in.p, c->in.cap);
	buf_release(&c->in);
	buf_release(&c->out);
	login_release(&c->login);
}

static bool is_in_exchange(const struct connection *c, enum connection_state state)
{
	return state == CONNECTION_CHECKING || c->login.step == LOGIN_CHALLENGED;
}

void connection_enter(struct connection *c, enum connection_state state)
{
	enum connection_state before = c->state;
	if (before == state || before == CONNECTION_CLOSED)
		return;
	c->state = state;
	c->wake = state == CONNECTION_TLS ? loop_now_ms() + CONNECTION_HANDSHAKE_MS : 0;
	if (c->answer != NULL)
		event_free(c->answer);
	c->answer = NULL;
	if (c->readable != NULL && state == CONNECTION_READING)
		event_add(c->readable, NULL);
	else if (c->readable != NULL)
		event_del(c->readable);
	if (state == CONNECTION_CLOSED && is_in_exchange(c, before))
		connection_cancel(c);
	if (state == CONNECTION_HANDED || state == CONNECTION_CLOSED)
		release(c);
	on_changed(c, before);
}

/* Sends what can be sent now; the rest when the socket takes it. */
void connection_flush(struct connection *c)
{
	while (buf_len(&c->out) > 0) {
		ssize_t n = connection_put(c, buf_str(&c->out));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (c->writable == NULL)
				c->writable =
				    loop_watch(c->fd, EV_WRITE, connection_on_writable, c);
			return;
		}
		if (n <= 0) {
			connection_enter(c, CONNECTION_CLOSED);
			return;
		}
		buf_consume(&c->out, (size_t)n);
	}
	buf_release(&c->out);
	if (c->writable != NULL)
		event_free(c->writable);
	c->writable = NULL;
	if (c->state == CONNECTION_CLOSING)
		connection_enter(c, CONNECTION_CLOSED);
	else if (c->state == CONNECTION_TLS && c->tls == NULL)
		connection_handshake_begin(c);
}

void connection_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	(void)fd;
	(void)what;
	if (c->state == CONNECTION_TLS && c->tls != NULL)
		connection_handshake_go_on(c);
	else
		connection_flush(c);
}

static void let_in(struct connection *c);

/* Works through what was read, as far as the dialogue goes by itself. */
static void work(struct connection *c)
{
	enum login_next next = login_input(&c->login, &c->in, &c->out);
	while (next == LOGIN_CANCEL) {
		connection_cancel(c);
		next = login_input(&c->login, &c->in, &c->out);
	}
	if (next == LOGIN_BEGIN || next == LOGIN_RESPOND)
		connection_ask(c, next);
	else if (next == LOGIN_LET_IN)
		let_in(c);
	else if (next == LOGIN_STLS)
		connection_enter(c, CONNECTION_TLS);
	else if (next == LOGIN_CLOSE)
		connection_enter(c, CONNECTION_CLOSING);
	else if (next == LOGIN_DROP)
		connection_enter(c, CONNECTION_CLOSED);
	if (c->state == CONNECTION_CLOSED || c->state == CONNECTION_HANDED)
		return;
	if (buf_len(&c->in) == 0)
		buf_release(&c->in);
	connection_flush(c);
	connection_look_ahead(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	char bytes[READ_SIZE];
	size_t room = CONNECTION_INPUT_MAX - buf_len(&c->in);
	(void)fd;
	(void)what;
	if (c->state == CONNECTION_TLS) {
		connection_handshake_go_on(c);
		return;
	}
	ssize_t n = connection_get(c, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) {
		connection_enter(c, CONNECTION_CLOSED);
		return;
	}
	buf_append(&c->in, bytes, (size_t)n);
	explicit_bzero(bytes, (size_t)n);
	work(c);
}

struct connection *connection_new(struct worker *worker, int fd, const union client *client,
    uint32_t cookie, connection_changed_fn *changed)
{
	struct connection *c = xcalloc(1, sizeof(*c));
	*c = (struct connection){.worker = worker,
	    .state = CONNECTION_READING,
	    .fd = fd,
	    .cookie = cookie,
	    .client = *client,
	    .in = BUF_INIT(CONNECTION_INPUT_MAX),
	    .out = BUF_INIT(LOGIN_OUTPUT_MAX)};
	on_changed = changed;
	return c;
}

void connection_start(struct connection *c, const struct connection_settings *s)
{
	login_init(
	    &c->login, s->passwords, auth_mechanisms_here(s->mechanisms, NULL), s->failures_max);
	c->mechanisms = s->mechanisms;
	c->deadline = s->now + s->timeout_ms;
	c->readable = loop_watch(c->fd, EV_READ, on_readable, c);
	if (s->listener != NULL)
		connection_expect_tls(c, s->listener);
	if (c->implicit) {
		c->hostname = xstrdup(s->hostname);
		connection_enter(c, CONNECTION_TLS);
	} else {
		login_greet(&c->out, s->hostname);
	}
	connection_flush(c);
}

void connection_free(struct connection *c)
{
	release(c);
	free(c);
}

void connection_refuse(struct connection *c, const char *code, const char *text)
{
	/* In the middle of a handshake there is nobody to tell, nor in a session of another's. */
	if (c->state & (CONNECTION_TLS | CONNECTION_PUMPING)) {
		connection_enter(c, CONNECTION_CLOSED);
		return;
	}
	pop3_err(&c->out, code, text);
	connection_enter(c, CONNECTION_CLOSING);
	connection_flush(c);
	/* It is told once; it is not waited for. */
	connection_enter(c, CONNECTION_CLOSED);
}

/* What directory said of the login, when it is the client's turn to hear it. */
static void answer(struct connection *c, enum login_verdict verdict, struct str last)
{
	enum login_next next = login_answer(&c->login, verdict, last, &c->out);
	if (next == LOGIN_LET_IN) {
		let_in(c);
		return;
	}
	connection_enter(c, next == LOGIN_CLOSE ? CONNECTION_CLOSING : CONNECTION_READING);
	if (c->state == CONNECTION_READING)
		work(c);
	else
		connection_flush(c);
}

static void give_up(struct connection *c)
{
	answer(c, LOGIN_TEMPORARY, (struct str){NULL, 0});
}

static void hand_over(struct connection *c)
{
	char client[CLIENT_ADDRESS_MAX];
	const struct msg_session_open open = {.cookie = c->cookie,
	    .ticket = str_from(c->ticket, sizeof(c->ticket)),
	    .client = client_format(&c->client, client),
	    .session = str_from_cstr(c->session),
	    .pending = buf_str(&c->in)};
	if (c->tls != NULL) {
		connection_ask_for_pipe(c);
		return;
	}
	if (c->worker->session == NULL)
		return;
	if (!msg_session_open_send(c->worker->session, &open, &c->fd))
		return;
	/* Closed without a shutdown: the connection goes on. */
	connection_drop_events(c);
	close(c->fd);
	c->fd = -1;
	connection_enter(c, CONNECTION_HANDED);
}

static void let_in(struct connection *c)
{
	connection_enter(c, CONNECTION_HANDING);
	c->wake = loop_now_ms() + CONNECTION_HAND_MS;
	hand_over(c);
}

void connection_on_challenge(struct connection *c, struct str message)
{
	if (c->state != CONNECTION_CHECKING)
		return;
	login_challenge(&c->login, message, &c->out);
	connection_enter(c, CONNECTION_READING);
	work(c);
}

static const char *const failures[] = {
    [LOGIN_BAD] = "login failed: wrong user name or password",
    [LOGIN_TEMPORARY] = "login failed: the password could not be checked",
    [LOGIN_LIMITED] = "login refused: too many failures",
};

static void on_answer(void *ctx)
{
	struct connection *c = ctx;
	answer(c, c->verdict, (struct str){NULL, 0});
}

void connection_on_outcome(struct connection *c, const struct auth_result *r)
{
	if (c->state != CONNECTION_CHECKING)
		return;
	if (r->verdict == LOGIN_OK && r->ticket.n == TICKET_SIZE) {
		memcpy(c->ticket, r->ticket.p, TICKET_SIZE);
		answer(c, LOGIN_OK, r->last);
		return;
	}
	bool wrong = r->verdict == LOGIN_BAD || r->verdict == LOGIN_LIMITED;
	c->verdict = wrong ? (enum login_verdict)r->verdict : LOGIN_TEMPORARY;
	log_failure(c, str_from_cstr(failures[c->verdict]));
	if (!wrong) {
		give_up(c);
		return;
	}
	connection_enter(c, CONNECTION_WRONG);
	c->answer = loop_timer(on_answer, c);
	loop_timer_at(c->answer, c->asked + r->delay);
}

void connection_on_directory_lost(struct connection *c)
{
	if (c->state != CONNECTION_CHECKING)
		return;
	log_failure(c, STR("login failed: directory does not answer"));
	give_up(c);
}

void connection_on_session_channel(struct connection *c)
{
	c->opened = false;
	if (c->state == CONNECTION_HANDING)
		hand_over(c);
}

/* In TLS, the pipe says so, once all of it was passed on. */
void connection_on_ended(struct connection *c)
{
	if (c->state == CONNECTION_HANDED)
		connection_enter(c, CONNECTION_CLOSED);
}

/* What a state's time runs out to. */
static void on_wake(struct connection *c)
{
	c->wake = 0;
	if (c->state == CONNECTION_CHECKING) {
		connection_cancel(c);
		connection_on_directory_lost(c);
	} else if (c->state == CONNECTION_TLS) {
		connection_handshake_late(c);
	} else if (c->state == CONNECTION_HANDING) {
		connection_refuse(
		    c, "[SYS/TEMP]", "mailboxes cannot be opened now, try again later");
	}
}

/* RFC 1939 §3: a client that took too long is not told so. */
void connection_tick(struct connection *c, uint64_t now)
{
	if (c->wake != 0 && now >= c->wake)
		on_wake(c);
	if (now >= c->deadline && (c->state & (CONNECTION_READING | CONNECTION_CLOSING |
						  CONNECTION_TLS | CONNECTION_PUMPING)))
		connection_enter(c, CONNECTION_CLOSED);
}
