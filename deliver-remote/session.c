/* SPDX-License-Identifier: ISC
 *
 * Invariants: a session is freed in one place, settle(), or by session_abort, and never while the
 * core or a callback of the owner's runs.
 */
#include "deliver-remote/session-internal.h"
#include "common/loop.h"
#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PULL_BELOW = 32 * 1024 }; /* more content is fetched when less than this waits */

static TAILQ_HEAD(, session) sessions = TAILQ_HEAD_INITIALIZER(sessions);
static size_t count;

size_t session_count(void)
{
	return count;
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

/* ---- what comes next ----------------------------------------------------------------- */

static void pass_on(struct session *s)
{
	void *before = s->owner;
	s->owner = s->next_owner;
	s->next_owner = NULL;
	s->next_mail = NULL;
	s->reused = true;
	s->told = false;
	s->events->on_passed_on(s, before);
}

static bool is_worth_telling(const struct session *s)
{
	return !s->told && s->events->on_sent != NULL && session_may_send_ahead(s) &&
	       s->round_trip_ms >= SESSION_AHEAD_MIN_MS && s->verdict_ms <= SESSION_AHEAD_MAX_MS;
}

/* One step of what the core waits for; false: nothing more for now. */
static bool step(struct session *s)
{
	if (s->handshaking) {
		session_shake_hands(s);
		return !s->handshaking;
	}
	session_flush(s);
	if (s->next_owner != NULL && !client_is_ahead(&s->client) &&
	    client_need(&s->client) != CLIENT_OVER)
		pass_on(s);
	switch (client_need(&s->client)) {
	case CLIENT_TLS:
		session_begin_handshake(s);
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
		if (is_worth_telling(s)) {
			s->told = true;
			s->events->on_sent(s, s->owner);
		}
		break;
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
		session_note_step(s);
	while (step(s));
	s->running = false;
	if (!is_over(s)) {
		session_arm(s);
		return;
	}
	s->running = true;
	session_explain(s);
	if (s->next_owner != NULL)
		s->events->on_given_up(s, s->next_owner);
	s->events->on_over(s, s->owner);
	free_session(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	if (!s->handshaking)
		session_receive(s);
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
		session_receive(s);
	settle(s);
}

void session_on_signed(void *session)
{
	settle(session);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	s->timer_ms = UINT64_MAX;
	if (session_due_at(s) > loop_now_ms()) {
		session_arm(s);
		return;
	}
	s->passing = s->handshaking;
	if (s->handshaking)
		session_fail_tls(s,
		    s->signing ? STR("the program keys does not answer") : STR("it took too long"));
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

static void on_result(
    void *ctx, const struct client_mail *mail, size_t recipient, const struct client_result *result)
{
	struct session *s = ctx;
	bool next = s->next_mail != NULL && mail == s->next_mail;
	if (next && !client_is_ahead(&s->client))
		s->reused = true; /* the server saw the session's last mail before this one */
	s->events->on_result(s, next ? s->next_owner : s->owner, recipient, result);
}

void session_start_client(struct session *s)
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

void session_send(struct session *s, const struct client_mail *mail, const struct content *content)
{
	s->content = *content;
	s->ready = false;
	s->waiting = false;
	s->told = false;
	s->asked_ms = loop_now_ms();
	s->mails++;
	client_send(&s->client, mail);
	settle(s);
}

bool session_may_send_ahead(const struct session *s)
{
	return s->next_owner == NULL && !s->deaf && !s->hop->stale &&
	       s->mails < s->policy->reuse_max && client_may_send_ahead(&s->client);
}

/* The content of the mail before is not needed any more: all of it is sent. */
bool session_send_ahead(
    struct session *s, const struct client_mail *mail, const struct content *content, void *owner)
{
	s->content = *content;
	s->next_owner = owner;
	s->next_mail = mail;
	if (!client_send_ahead(&s->client, mail)) {
		s->next_owner = NULL;
		s->next_mail = NULL;
		return false;
	}
	s->mails++;
	s->outstanding = s->client.outstanding; /* which is no step of the server's */
	settle(s);
	return true;
}

void session_withdraw(struct session *s)
{
	s->next_owner = NULL;
	s->next_mail = NULL;
	client_withdraw(&s->client);
}

bool session_fits(const struct session *s, enum tls_wish wish)
{
	bool promises = (s->client.peer.extensions & EXT_REQUIRETLS) != 0;
	return s->wish >= wish && (wish != TLS_WISH_REQUIRED || promises);
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
	session_arm(s);
}

void session_quit(struct session *s)
{
	s->waiting = false;
	client_quit(&s->client);
	settle(s);
}

void session_leave(struct session *s)
{
	client_quit(&s->client);
	session_flush(s);
	free_session(s);
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
	snprintf(
	    s->label, sizeof(s->label), "%s[%s]", setup->host != NULL ? setup->host : "", address);
	if (setup->place != NULL)
		snprintf(
		    s->relay, sizeof(s->relay), "%.*s:%u", RELAY_MAX - 6, s->label, s->place.port);
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
	    .eager_content = s->policy->chunking,
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
	s->wish = setup->wish;
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
		session_start_client(s);
	} else {
		session_begin_handshake(s);
		event_add(&s->writable, NULL); /* which begins it */
	}
	session_arm(s);
	return s;
}
