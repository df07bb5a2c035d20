/* SPDX-License-Identifier: ISC
 *
 * Invariants: while the core waits, or replies could not be written, nothing more
 * is read; a session is freed in one place, settle(), and never while the core
 * runs; every octet read is consumed by the core or in `kept`.
 */
#include "smtpd/session.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/queue-id.h"
#include "smtpd/crowd.h"
#include "smtpd/session-log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 64 * 1024, READ_MORE = 8 * 1024, KEPT_MAX = 256 * 1024 };

static uint8_t scratch[READ_MAX];
static struct buf replies; /* of the core that runs now */
static struct deadline_wheel wheel;
static unsigned worker_number;

#define CONTAINER(pointer, field)                                                                  \
	((struct session *)(void *)((char *)(pointer)-offsetof(struct session, field)))

/* ---- deadlines -------------------------------------------------------------- */

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t content_received(const struct session *s)
{
	return s->smtp.txn.content.size + s->smtp.txn.discarded;
}

/* When the content's average rate falls below the least. */
static uint64_t too_slow_at(const struct session *s)
{
	if (s->policy->data_rate_min == 0)
		return UINT64_MAX;
	uint64_t grace_ms = min(RATE_GRACE_MS, s->policy->data_timeout_ms);
	return s->content_ms + grace_ms + content_received(s) * 1000 / s->policy->data_rate_min;
}

static uint64_t session_end_at(const struct session *s)
{
	return s->started_ms + s->policy->session_timeout_ms;
}

static uint64_t due_at(const struct session *s)
{
	if (s->lingering)
		return s->waiting_ms + LINGER_MS;
	if (smtp_server_is_waiting(&s->smtp))
		return loop_now_ms() + QUEUE_TIMEOUT_MS; /* the clients of others have their own */
	uint64_t due = session_end_at(s);
	if (s->content_ms != 0)
		due = min(due, too_slow_at(s));
	if (smtp_server_in_content(&s->smtp) && !s->blocked)
		return min(due, s->octet_ms + s->policy->data_timeout_ms);
	return min(due, s->waiting_ms + s->policy->command_timeout_ms);
}

static enum smtp_status why_due(const struct session *s, uint64_t now_ms)
{
	if (now_ms >= session_end_at(s))
		return STATUS_SESSION_TOO_LONG;
	return s->content_ms != 0 && now_ms >= too_slow_at(s) ? STATUS_TOO_SLOW : STATUS_TIMEOUT;
}

static void on_due(struct deadline *d, void *ctx)
{
	struct session *s = CONTAINER(d, deadline);
	uint64_t now_ms = *(const uint64_t *)ctx;
	uint64_t due = due_at(s);
	if (due > now_ms) {
		deadline_set(&wheel, d, due);
		return;
	}
	if (!s->lingering)
		session_log_event(s, "timeout");
	/* Who does not even read what we said before is told nothing. */
	s->broken = s->broken || s->blocked || s->lingering;
	session_end(s, why_due(s, now_ms));
}

void session_tick(uint64_t now_ms)
{
	deadline_advance(&wheel, now_ms, on_due, &now_ms);
}

/* ---- the end ---------------------------------------------------------------- */

static void free_session(struct session *s)
{
	session_log_disconnect(s);
	smtp_server_free(&s->smtp);
	deadline_clear(&s->deadline);
	event_del(&s->readable);
	event_del(&s->writable);
	close(s->fd);
	if (!s->local)
		crowd_dismiss(&s->address.any);
	buf_release(&s->kept);
	buf_release(&s->unsent);
	policy_release(s->policy);
	crowd_leave(s);
	free(s);
}

/* A client that may still be sending gets the time to read our last words. */
static void linger(struct session *s)
{
	s->lingering = true;
	s->waiting_ms = loop_now_ms();
	buf_release(&s->kept);
	shutdown(s->fd, SHUT_WR);
	if (!s->watching)
		event_add(&s->readable, NULL);
	s->watching = true;
}

static bool said_goodbye(const struct session *s)
{
	return s->smtp.verb != NULL && s->smtp.verb->run != NULL &&
	       str_eq(str_from_cstr(s->smtp.verb->name), STR("QUIT"));
}

/* What the state of things asks for, after anything has happened. The session may be gone after
 * it. */
static void settle(struct session *s)
{
	bool over = smtp_server_is_closed(&s->smtp) && !s->blocked;
	if (s->broken || (over && said_goodbye(s))) {
		free_session(s);
		return;
	}
	if (crowd_is_stopping() && s->smtp.phase == PHASE_COMMAND) {
		session_end(s, STATUS_SHUTDOWN);
		return;
	}
	if (over && !s->lingering)
		linger(s);
	crowd_move(s);
	deadline_set(&wheel, &s->deadline, due_at(s));
}

/* ---- writing ---------------------------------------------------------------- */

/* Writes what it can of `octets` and returns how much that was. The last words of a session leave
 * in one packet with the end of the connection. */
static size_t write_some(struct session *s, struct str octets)
{
	size_t done = 0;
	int flags = MSG_NOSIGNAL | (smtp_server_is_closed(&s->smtp) ? MSG_MORE : 0);
	while (done < octets.n && !s->broken) {
		ssize_t n = send(s->fd, octets.p + done, octets.n - done, flags);
		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
		else if (errno != EINTR)
			s->broken = true;
	}
	return done;
}

static void block(struct session *s)
{
	if (!s->blocked) {
		s->waiting_ms = loop_now_ms();
		event_add(&s->writable, NULL);
	}
	s->blocked = true;
}

/* Sends what the core said. */
static void flush(struct session *s)
{
	struct str octets = buf_str(&replies);
	if (octets.n == 0)
		return;
	if (!s->blocked)
		octets = str_skip(octets, write_some(s, octets));
	if (octets.n > 0 && !s->broken) {
		buf_append_str(&s->unsent, octets);
		block(s);
	}
	buf_reset(&replies);
}

/* ---- reading ---------------------------------------------------------------- */

static bool may_go_on(const struct session *s)
{
	return !s->broken && !s->blocked && !smtp_server_is_waiting(&s->smtp) &&
	       !smtp_server_is_closed(&s->smtp);
}

/* When content begins and ends, for its deadlines. */
static void note_content(struct session *s)
{
	bool content = s->smtp.phase == PHASE_DATA || s->smtp.state == SMTP_CHUNKS;
	uint64_t now_ms = loop_now_ms();
	s->octet_ms = now_ms;
	if (!content)
		s->content_ms = 0;
	else if (s->content_ms == 0)
		s->content_ms = now_ms;
}

/* Lets the core have `in`; returns how much it took. A command that is not complete does not put
 * off its deadline, one that is does. */
static size_t feed(struct session *s, struct str in)
{
	size_t used = 0, n;
	do {
		s->running = true;
		n = smtp_server_feed(&s->smtp, str_skip(in, used));
		s->running = false;
		used += n;
		flush(s);
	} while (n > 0 && used < in.n && may_go_on(s));
	note_content(s);
	if (used > 0 && !s->blocked)
		s->waiting_ms = s->octet_ms;
	return used;
}

static void feed_kept(struct session *s)
{
	if (buf_len(&s->kept) == 0 || !may_go_on(s))
		return;
	buf_consume(&s->kept, feed(s, buf_str(&s->kept)));
	if (buf_len(&s->kept) == 0)
		buf_release(&s->kept);
}

static void keep(struct session *s, struct str rest)
{
	if (smtp_server_is_closed(&s->smtp))
		return;
	if (!buf_append_str(&s->kept, rest))
		s->broken = true;
}

/* Where to read to: the shared memory, or behind what is kept. */
static ssize_t read_some(struct session *s)
{
	uint8_t *to = scratch;
	size_t room = sizeof(scratch);
	if (buf_len(&s->kept) > 0) {
		room = READ_MORE;
		to = buf_reserve(&s->kept, room);
		if (to == NULL) {
			errno = ENOBUFS;
			return -1;
		}
	}
	ssize_t n;
	do
		n = recv(s->fd, to, room, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

static void take_input(struct session *s, size_t n)
{
	if (buf_len(&s->kept) > 0) {
		buf_commit(&s->kept, n);
		feed_kept(s);
		return;
	}
	struct str in = str_from(scratch, n);
	size_t used = feed(s, in);
	if (used < in.n)
		keep(s, str_skip(in, used));
}

static void discard_input(struct session *s)
{
	ssize_t n = recv(s->fd, scratch, sizeof(scratch), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	s->lingered += n > 0 ? (size_t)n : 0;
	s->broken = n <= 0 || s->lingered > LINGER_OCTETS;
	settle(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	if (s->lingering) {
		discard_input(s);
		return;
	}
	/* Only now that input comes which is not wanted, it is worth a system call to say so. */
	if (!may_go_on(s)) {
		event_del(&s->readable);
		s->watching = false;
		return;
	}
	ssize_t n = read_some(s);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n <= 0) {
		session_log_event(s, "lost connection");
		s->broken = true;
	} else {
		take_input(s, (size_t)n);
	}
	settle(s);
}

/* The core has its answer, or the client has read: goes on with what is kept. An answer that came
 * while the core was at work is no news to feed(). */
static void go_on(struct session *s)
{
	if (s->running)
		return;
	flush(s);
	feed_kept(s);
	if (may_go_on(s) && !s->watching) {
		event_add(&s->readable, NULL);
		s->watching = true;
	}
	if (!s->blocked)
		s->waiting_ms = loop_now_ms();
	settle(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	buf_consume(&s->unsent, write_some(s, buf_str(&s->unsent)));
	if (buf_len(&s->unsent) > 0 && !s->broken)
		return;
	event_del(&s->writable);
	buf_release(&s->unsent);
	s->blocked = false;
	go_on(s);
}

void session_end(struct session *s, enum smtp_status status)
{
	smtp_server_end(&s->smtp, status);
	flush(s);
	/* The client reads it, or not; we are done with it. */
	s->broken = true;
	settle(s);
}

/* ---- the core's effects ----------------------------------------------------- */

static bool check_rcpt(void *ctx, struct str address, struct smtp_rcpt_answer *answer)
{
	struct session *s = ctx;
	return directory_client_ask(&s->query, address, answer);
}

static void on_rcpt_answer(struct directory_query *query, const struct smtp_rcpt_answer *answer)
{
	struct session *s = CONTAINER(query, query);
	smtp_server_on_rcpt(&s->smtp, answer);
	go_on(s);
}

static enum smtp_status may_take(void *ctx)
{
	(void)ctx;
	return queue_client_may_take();
}

static void large_open(void *ctx)
{
	struct session *s = ctx;
	queue_client_large_open(&s->submission);
}

static enum smtp_status large_write(void *ctx, struct str octets)
{
	struct session *s = ctx;
	return queue_client_large_write(&s->submission, octets);
}

static void submit(void *ctx)
{
	struct session *s = ctx;
	queue_client_submit(&s->submission, &s->smtp.txn);
}

static void abandon(void *ctx)
{
	struct session *s = ctx;
	directory_client_forget(&s->query);
	queue_client_abandon(&s->submission);
}

static void on_refusal(void *ctx, const struct smtp_refusal *refusal)
{
	session_log_refusal(ctx, refusal);
}

static const struct smtp_ops ops = {
    .check_rcpt = check_rcpt,
    .may_take = may_take,
    .large_open = large_open,
    .large_write = large_write,
    .submit = submit,
    .abandon = abandon,
    .on_refusal = on_refusal,
    .now_ms = loop_now_ms,
    .wall_ms = loop_wall_ms,
};

static void on_large_file(struct submission *submission, enum smtp_status status)
{
	struct session *s = CONTAINER(submission, submission);
	smtp_server_on_large_file(&s->smtp, status);
	go_on(s);
}

static void on_stored(struct submission *submission, uint64_t id)
{
	struct session *s = CONTAINER(submission, submission);
	char text[QUEUE_ID_SIZE];
	queue_id_format(id, text);
	session_log_stored(s, str_from_cstr(text));
	smtp_server_on_stored(&s->smtp, str_from_cstr(text));
	go_on(s);
}

static void on_not_stored(struct submission *submission, const struct reply *reply)
{
	struct session *s = CONTAINER(submission, submission);
	smtp_server_on_not_stored(&s->smtp, reply);
	go_on(s);
}

/* ---- the beginning ---------------------------------------------------------- */

void session_setup(void)
{
	static const struct queue_client_events events = {
	    .on_large_file = on_large_file,
	    .on_stored = on_stored,
	    .on_not_stored = on_not_stored,
	};
	buf_init(&replies, 16 * REPLIES_MAX);
	deadline_wheel_init(&wheel, loop_now_ms());
	directory_client_init(on_rcpt_answer);
	queue_client_init(&events);
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
	buf_init(&s->kept, KEPT_MAX);
	buf_init(&s->unsent, KEPT_MAX);
	event_assign(&s->readable, loop_base(), fd, EV_READ | EV_PERSIST, on_readable, s);
	event_assign(&s->writable, loop_base(), fd, EV_WRITE | EV_PERSIST, on_writable, s);
	event_add(&s->readable, NULL);
	s->watching = true;
	return s;
}

void session_start(int fd, const union client_address *address, uint32_t uid, bool own_network,
    struct policy *policy)
{
	struct session *s = session_new(fd, policy);
	s->local = address == NULL;
	if (address != NULL)
		s->address = *address;
	session_client_format(address, uid, s->client);
	new_id(s->id);
	smtp_server_init(&s->smtp, &policy->smtp, &ops, s, &replies);
	s->smtp.client = str_from_cstr(s->client);
	s->smtp.id = str_from_cstr(s->id);
	s->smtp.own_network = own_network;
	crowd_enter(s);
	session_log_connect(s);
	smtp_server_greet(&s->smtp);
	flush(s);
	settle(s);
}
