/* SPDX-License-Identifier: ISC
 *
 * Invariants: a session is freed in one place, settle(), or by session_abort, and never while the
 * core or a callback of the owner's runs; while the handshake is under way the core sees nothing;
 * `phase` and `step_ms` are those of the last step that the server made, so that octets which
 * complete nothing do not put off a deadline.
 */
#include "deliver-remote/session.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_MAX = 16 * 1024,
	READ_ROUNDS = 8,
	PULL_BELOW = 32 * 1024, /* more content is fetched when less than this waits */
};

static uint8_t scratch[READ_MAX];
static TAILQ_HEAD(, session) sessions = TAILQ_HEAD_INITIALIZER(sessions);
static size_t count;

size_t session_count(void)
{
	return count;
}

/* ---- deadlines -------------------------------------------------------------------- */

static uint64_t content_due(const struct session *s)
{
	uint64_t slow = s->content_ms + s->policy->data_ms + s->content.size * 1000 / SESSION_RATE_MIN;
	uint64_t stuck = s->step_ms + s->policy->data_ms;
	return slow < stuck ? slow : stuck;
}

static uint64_t due_at(const struct session *s)
{
	if (s->handshaking)
		return s->step_ms + s->policy->command_ms;
	switch (s->phase) {
	case CLIENT_PHASE_GREETING:
		return s->step_ms + s->policy->greeting_ms;
	case CLIENT_PHASE_IDLE:
		return s->waiting ? s->step_ms + s->policy->reuse_idle_ms : UINT64_MAX;
	case CLIENT_PHASE_CONTENT:
		return content_due(s);
	case CLIENT_PHASE_END:
		return s->step_ms + s->policy->end_ms;
	case CLIENT_PHASE_QUIT:
		return s->step_ms + SESSION_QUIT_MS;
	default:
		return s->step_ms + s->policy->command_ms;
	}
}

/* Deadlines are put off far more often than they are reached: the timer is only ever moved
 * forward, and looks again when it fires. */
static void arm(struct session *s)
{
	uint64_t due = due_at(s), now_ms = loop_now_ms();
	if (due >= s->timer_ms)
		return;
	uint64_t wait = due > now_ms ? due - now_ms : 0;
	const struct timeval tv = {(time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000)};
	s->timer_ms = due;
	event_add(&s->timer, &tv);
}

static void note_step(struct session *s)
{
	enum client_phase phase = s->started ? client_phase(&s->client) : CLIENT_PHASE_GREETING;
	if (phase == CLIENT_PHASE_OVER ||
	    (phase == s->phase && s->client.outstanding == s->outstanding))
		return;
	s->step_ms = loop_now_ms();
	if (phase == CLIENT_PHASE_CONTENT && s->phase != CLIENT_PHASE_CONTENT)
		s->content_ms = s->step_ms;
	s->phase = phase;
	s->outstanding = s->client.outstanding;
}

/* ---- the end ------------------------------------------------------------------------ */

static void free_session(struct session *s)
{
	TAILQ_REMOVE(&sessions, s, all);
	count--;
	event_del(&s->readable);
	event_del(&s->writable);
	event_del(&s->timer);
	if (s->tls != NULL)
		tls_close(s->tls);
	tls_free(s->tls);
	if (s->started)
		client_free(&s->client);
	close(s->fd);
	buf_release(&s->out);
	hop_release(s->hop);
	policy_release(s->policy);
	free(s);
}

static enum link_fault fault_of_loss(const struct session *s, const struct client_result *failure)
{
	bool greeting = s->phase == CLIENT_PHASE_GREETING;
	if (failure->cause == CLIENT_TIMED_OUT)
		return greeting ? LINK_SILENT : LINK_LOST;
	return greeting ? LINK_CLOSED : LINK_LOST;
}

static enum link_fault fault_of(const struct session *s, const struct client_result *failure)
{
	switch (failure->cause) {
	case CLIENT_NO_FAILURE:
		return LINK_NONE;
	case CLIENT_REFUSED:
	case CLIENT_SHUTTING_DOWN:
		return LINK_GREETING;
	case CLIENT_LOST:
	case CLIENT_TIMED_OUT:
		return fault_of_loss(s, failure);
	case CLIENT_MALFORMED:
		return LINK_NO_SMTP;
	case CLIENT_INJECTED:
		return LINK_TLS;
	case CLIENT_TLS_MISSING:
		return LINK_TLS_POLICY;
	case CLIENT_AUTH_MISSING:
		return LINK_LOGIN;
	case CLIENT_UNSENDABLE:
	case CLIENT_OWN_FAULT:
	case CLIENT_OVER_LIMIT:
		break;
	}
	return LINK_STOPPING;
}

/* Why, unless it is known already (TLS). */
static void explain(struct session *s)
{
	const struct client_result *failure = client_failure(&s->client);
	if (s->fault != LINK_NONE)
		return;
	s->fault = fault_of(s, failure);
	s->said = failure->reply.n > 0;
	text_clear(&s->reason);
	if (s->said)
		text_printf(&s->reason, "%.*s (in reply to %s)", STR_ARG(failure->reply),
		    failure->command != NULL ? failure->command : "the connection");
	else
		text_add(&s->reason, failure->text);
}

static void set_fault(struct session *s, enum link_fault fault, struct str reason)
{
	if (s->fault != LINK_NONE)
		return;
	s->fault = fault;
	text_clear(&s->reason);
	text_add(&s->reason, reason);
}

/* ---- TLS ---------------------------------------------------------------------------- */

static void start_client(struct session *s);

static void fail_tls(struct session *s, struct str why)
{
	struct text reason;
	text_clear(&reason);
	text_add(&reason, STR("TLS handshake failed: "));
	text_add(&reason, why);
	set_fault(s, LINK_TLS, text_str(&reason));
	s->handshaking = false;
	if (!s->started)
		start_client(s);
	client_on_own_fault(&s->client, STR("4.7.5"), text_str(&reason));
}

static void begin_handshake(struct session *s)
{
	s->step_ms = loop_now_ms();
	s->handshaking = true;
	s->tls = s->expect != NULL ? tls_new(s->fd, s->expect) : NULL;
	if (s->tls == NULL)
		fail_tls(s, STR("what is demanded cannot be checked"));
}

static void log_tls(const struct session *s)
{
	static const char *const levels[] = {"Anonymous", "Untrusted", "Trusted", "Verified"};
	struct text line;
	struct log_event ev;
	text_clear(&line);
	text_printf(&line, "%s TLS connection established to %s: ", levels[s->tls_level], s->relay);
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
		start_client(s);
}

static void shake_hands(struct session *s)
{
	struct text why;
	text_clear(&why);
	int rc = tls_handshake(s->tls, &why);
	if (rc == 1)
		end_handshake(s);
	else if (rc == TLS_FAILED)
		fail_tls(s, text_str(&why));
	else if (tls_wants_write(s->tls))
		event_add(&s->writable, NULL);
}

/* ---- octets --------------------------------------------------------------------------- */

static void lose(struct session *s, int error)
{
	struct str why = error == 0 ? STR("") : str_from_cstr(strerrordesc_np(error));
	if (error == ECONNRESET && s->phase == CLIENT_PHASE_GREETING)
		set_fault(s, LINK_RESET, why);
	client_on_closed(&s->client, why);
}

/* What it can; TLS_AGAIN, TLS_FAILED with errno, or octets. */
static int write_some(struct session *s)
{
	if (s->tls != NULL) {
		errno = 0;
		return tls_write(s->tls, buf_data(&s->out), buf_len(&s->out));
	}
	ssize_t n = send(s->fd, buf_data(&s->out), buf_len(&s->out), MSG_NOSIGNAL);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TLS_AGAIN : TLS_FAILED;
}

static void flush(struct session *s)
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
	if (s->tls != NULL) {
		errno = 0;
		return tls_read(s->tls, scratch, sizeof(scratch));
	}
	ssize_t n = recv(s->fd, scratch, sizeof(scratch), 0);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TLS_AGAIN : TLS_FAILED;
}

static void receive(struct session *s)
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

/* ---- what comes next ----------------------------------------------------------------- */

/* One step of what the core waits for; false: nothing more for now. */
static bool step(struct session *s)
{
	if (s->handshaking) {
		shake_hands(s);
		return !s->handshaking;
	}
	flush(s);
	switch (client_need(&s->client)) {
	case CLIENT_TLS:
		begin_handshake(s);
		return true;
	case CLIENT_PULL:
		if (s->blocked || s->deaf || buf_len(&s->out) >= PULL_BELOW)
			return false;
		client_pull(&s->client);
		return true;
	case CLIENT_READY:
		if (s->ready)
			return false;
		s->ready = true;
		s->events->on_ready(s, s->owner);
		return true;
	case CLIENT_REPLY:
	case CLIENT_OVER:
		break;
	}
	return false;
}

static bool is_over(const struct session *s)
{
	return s->started && !s->handshaking && client_need(&s->client) == CLIENT_OVER;
}

/* After anything has happened. The session may be gone after it. */
static void settle(struct session *s)
{
	if (s->running)
		return;
	s->running = true;
	do
		note_step(s);
	while (step(s));
	s->running = false;
	if (!is_over(s)) {
		arm(s);
		return;
	}
	s->running = true;
	explain(s);
	s->events->on_over(s, s->owner);
	free_session(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	if (!s->handshaking)
		receive(s);
	settle(s);
}

/* TLS may have waited to write in order to read. */
static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	s->blocked = false;
	if (s->tls != NULL && !s->handshaking)
		receive(s);
	settle(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	s->timer_ms = UINT64_MAX;
	if (due_at(s) > loop_now_ms()) {
		arm(s);
		return;
	}
	if (s->handshaking)
		fail_tls(s, STR("it took too long"));
	else if (s->phase == CLIENT_PHASE_IDLE)
		client_quit(&s->client);
	else
		client_on_timeout(&s->client);
	settle(s);
}

/* ---- the core's effects ---------------------------------------------------------------- */

static bool read_content(void *ctx, uint64_t offset, uint8_t *to, size_t n)
{
	struct session *s = ctx;
	if (offset > s->content.size || n > s->content.size - offset)
		return false;
	if (s->content.octets != NULL) {
		memcpy(to, s->content.octets + offset, n);
		return true;
	}
	while (n > 0) {
		ssize_t done = pread(s->content.fd, to, n, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		to += done;
		offset += (uint64_t)done;
		n -= (size_t)done;
	}
	return true;
}

static void on_result(void *ctx, size_t recipient, const struct client_result *result)
{
	struct session *s = ctx;
	s->events->on_result(s, s->owner, recipient, result);
}

static void start_client(struct session *s)
{
	static const struct client_ops ops = {.read = read_content, .on_result = on_result};
	client_init(&s->client, &s->client_policy, &ops, s, &s->out);
	s->started = true;
}

/* ---- for the owner --------------------------------------------------------------------- */

void session_set_owner(struct session *s, const struct session_events *events, void *owner)
{
	s->events = events;
	s->owner = owner;
}

void session_send(
    struct session *s, const struct client_mail *mail, const struct content *content)
{
	s->content = *content;
	s->ready = false;
	s->waiting = false;
	s->mails++;
	client_send(&s->client, mail);
	settle(s);
}

bool session_may_send(const struct session *s)
{
	return !s->hop->stale && s->mails < s->policy->reuse_max && client_may_send(&s->client);
}

void session_wait(struct session *s)
{
	s->waiting = true;
	s->reused = true;
	s->step_ms = loop_now_ms();
	arm(s);
}

void session_quit(struct session *s)
{
	s->waiting = false;
	client_quit(&s->client);
	settle(s);
}

struct str session_mta(const struct session *s)
{
	struct str label = str_from_cstr(s->label);
	size_t n = str_find(label, '[');
	return n > 0 ? str_head(label, n) : str_head(label, DOMAIN_MAX);
}

void session_abort(struct session *s)
{
	free_session(s);
}

/* ---- the beginning --------------------------------------------------------------------- */

static void set_names(struct session *s, const struct session_setup *setup)
{
	char address[PLACE_TEXT_MAX] = "socket";
	if (setup->place != NULL) {
		s->place = *setup->place;
		place_format(setup->place, address);
	}
	snprintf(s->label, sizeof(s->label), "%s[%s]", setup->host != NULL ? setup->host : "",
	    address);
	if (setup->place != NULL)
		snprintf(s->relay, sizeof(s->relay), "%.*s:%u", RELAY_MAX - 6, s->label, s->place.port);
	else
		snprintf(s->relay, sizeof(s->relay), "%.*s", RELAY_MAX, s->label);
}

static bool is_loopback(const struct place *p)
{
	static const uint8_t six[16] = {[15] = 1};
	return (p->family == 4 && p->octets[0] == 127) ||
	       (p->family == 6 && memcmp(p->octets, six, sizeof(six)) == 0);
}

static void set_client_policy(struct session *s)
{
	enum tls_demand demand = s->expect->demand;
	s->client_policy = (struct client_policy){
	    .protocol = s->hop->target.protocol,
	    .helo = str_from_cstr(s->policy->helo),
	    .tls = demand == TLS_DEMAND_CLEAR ? CLIENT_TLS_NONE
		   : demand == TLS_DEMAND_MAY ? CLIENT_TLS_MAY
					      : CLIENT_TLS_MUST,
	    .implicit_tls = s->hop->implicit_tls,
	    .login = s->hop->login,
	    .password = s->hop->password,
	    .login_in_clear = s->hop->tls == TLS_NONE && is_loopback(&s->place),
	};
}

struct session *session_new(
    const struct session_setup *setup, const struct session_events *events, void *owner)
{
	struct session *s = xcalloc(1, sizeof(*s));
	s->fd = setup->fd;
	s->hop = hop_hold(setup->hop);
	s->policy = policy_hold(setup->policy);
	s->expect = setup->expect;
	session_set_owner(s, events, owner);
	set_names(s, setup);
	set_client_policy(s);
	buf_init(&s->out, CLIENT_OUT_MAX);
	s->step_ms = loop_now_ms();
	s->timer_ms = UINT64_MAX;
	s->phase = CLIENT_PHASE_GREETING;
	event_assign(&s->readable, loop_base(), s->fd, EV_READ | EV_PERSIST, on_readable, s);
	event_assign(&s->writable, loop_base(), s->fd, EV_WRITE, on_writable, s);
	evtimer_assign(&s->timer, loop_base(), on_timer, s);
	event_add(&s->readable, NULL);
	TAILQ_INSERT_TAIL(&sessions, s, all);
	count++;
	if (!s->hop->implicit_tls) {
		start_client(s);
	} else {
		begin_handshake(s);
		event_add(&s->writable, NULL); /* which begins it */
	}
	arm(s);
	return s;
}
