/* SPDX-License-Identifier: ISC
 *
 * The socket of a session. Invariants: while the core waits, or replies could not
 * be written, nothing more is read; every octet read is consumed by the core or
 * in `kept`.
 */
#include "common/loop.h"
#include "smtpd/session-internal.h"
#include "smtpd/session-log.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 64 * 1024, READ_MORE = 8 * 1024, KEPT_MAX = 256 * 1024 };

static uint8_t scratch[READ_MAX];
static struct buf replies; /* of the core that runs now */

/* ---- writing ---------------------------------------------------------------- */

/* Writes what it can of `octets` and returns how much that was. The last words of a session leave
 * in one packet with the end of the connection; but where it is closed at once, what the client says
 * meanwhile makes a reset of that end, and words that have not left by then are lost. */
static size_t write_some(struct session *s, struct str octets)
{
	size_t done = 0;
	bool last = smtp_server_is_closed(&s->smtp) && !s->dropped;
	int flags = MSG_NOSIGNAL | (last ? MSG_MORE : 0);
	while (done < octets.n && !s->broken) {
		ssize_t n = session_tls_send(s, octets.p + done, octets.n - done, flags);
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

void session_io_flush(struct session *s)
{
	struct str octets = buf_str(&replies);
	if (octets.n == 0)
		return;
	/* In the middle of a handshake there is nobody to tell. */
	if (s->handshake_ms != 0) {
		buf_reset(&replies);
		return;
	}
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
	       s->smtp.phase != PHASE_TLS && !smtp_server_is_closed(&s->smtp);
}

static bool wants_input(const struct session *s)
{
	return s->handshake_ms == 0 ? may_go_on(s) : tls_stream_wants_read(s->tls);
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

/* A line of AUTH may hold a password: our memory does not, once the core has had it. */
static void forget_secret(const struct session *s, struct str line)
{
	const struct verb *verb = s->smtp.verb;
	if (line.n > 0 && verb != NULL && str_eq(str_from_cstr(verb->name), STR("AUTH")))
		explicit_bzero((char *)(uintptr_t)line.p, line.n);
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
		forget_secret(s, str_head(str_skip(in, used), n));
		used += n;
		session_io_flush(s);
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

/* What was read is somebody's own from now on; the shared memory forgets it. */
static void keep(struct session *s, struct str rest)
{
	if (!smtp_server_is_closed(&s->smtp) && !buf_append_str(&s->kept, rest))
		s->broken = true;
	explicit_bzero((char *)(uintptr_t)rest.p, rest.n);
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
		n = session_tls_recv(s, to, room);
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
	session_settle(s);
}

/* After anything was read or said: the handshake, when that is what comes next, and input that
 * TLS has ready, of which the socket will not tell. */
static void look_ahead(struct session *s)
{
	if (s->smtp.phase == PHASE_TLS && s->handshake_ms == 0 && !s->blocked && !s->broken)
		session_tls_begin(s);
	else if (s->tls != NULL && s->handshake_ms == 0 && s->watching && may_go_on(s) &&
		 tls_stream_has_more(s->tls))
		event_active(&s->readable, EV_READ, 1);
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
	if (!wants_input(s)) {
		event_del(&s->readable);
		s->watching = false;
		return;
	}
	if (s->handshake_ms != 0) {
		session_tls_go_on(s);
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
		look_ahead(s);
	}
	session_settle(s);
}

/* An answer that came while the core was at work is no news to feed(). What the core says to it
 * leaves together with what it says to commands that have come meanwhile. */
void session_io_go_on(struct session *s)
{
	if (s->running)
		return;
	feed_kept(s);
	session_io_flush(s);
	if (may_go_on(s) && !s->watching) {
		event_add(&s->readable, NULL);
		s->watching = true;
	}
	if (!s->blocked)
		s->waiting_ms = loop_now_ms();
	look_ahead(s);
	session_settle(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	if (s->handshake_ms != 0) {
		session_tls_go_on(s);
		return;
	}
	buf_consume(&s->unsent, write_some(s, buf_str(&s->unsent)));
	if (buf_len(&s->unsent) > 0 && !s->broken)
		return;
	event_del(&s->writable);
	buf_release(&s->unsent);
	s->blocked = false;
	session_io_go_on(s);
}

/* ---- beginning and end ------------------------------------------------------ */

void session_io_setup(void)
{
	buf_init(&replies, 16 * REPLIES_MAX);
}

struct buf *session_io_replies(void)
{
	return &replies;
}

void session_io_begin(struct session *s)
{
	buf_init(&s->kept, KEPT_MAX);
	buf_init(&s->unsent, KEPT_MAX);
	event_assign(&s->readable, loop_base(), s->fd, EV_READ | EV_PERSIST, on_readable, s);
	event_assign(&s->writable, loop_base(), s->fd, EV_WRITE | EV_PERSIST, on_writable, s);
	event_add(&s->readable, NULL);
	s->watching = true;
}

void session_io_await(struct session *s, short what)
{
	if (what & EV_WRITE)
		event_add(&s->writable, NULL);
	else
		event_del(&s->writable);
	if (what & EV_READ && !s->watching) {
		event_add(&s->readable, NULL);
		s->watching = true;
	}
}

void session_io_resume(struct session *s)
{
	event_del(&s->writable);
	session_io_go_on(s);
}

void session_io_linger(struct session *s)
{
	s->lingering = true;
	s->waiting_ms = loop_now_ms();
	buf_release(&s->kept);
	if (s->tls != NULL)
		tls_stream_close(s->tls);
	shutdown(s->fd, SHUT_WR);
	if (!s->watching)
		event_add(&s->readable, NULL);
	s->watching = true;
}

void session_io_end(struct session *s)
{
	event_del(&s->readable);
	event_del(&s->writable);
	close(s->fd);
	if (s->kept.p != NULL)
		explicit_bzero(s->kept.p, s->kept.cap);
	buf_release(&s->kept);
	buf_release(&s->unsent);
}
