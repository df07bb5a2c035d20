/* SPDX-License-Identifier: ISC
 *
 * Invariant: a side is watched for input only while nothing of it waits to be passed on.
 */
#include "pop3d/tls-pump.h"
#include "common/buf.h"
#include "common/loop.h"
#include "common/mem.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STEPS = 8 /* in a row; then it is others' turn */ };

struct tls_pump {
	struct tls_stream *tls;
	int pipe;
	struct buf up;	   /* from the client */
	struct buf down;   /* to it */
	bool client_ended; /* it sends no more */
	bool pipe_ended;   /* the session says no more */
	bool broken;	   /* nobody is there to pass anything on to */
	bool last_words;   /* the session says no more than what is under way */
	struct event client_in, client_out, pipe_in, pipe_out, pipe_end;
	tls_pump_over_fn *over;
	void *ctx;
};

static bool is_wait(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Each step returns whether octets moved. */

static bool take_from_client(struct tls_pump *p)
{
	if (p->client_ended || buf_len(&p->up) > 0)
		return false;
	int n = tls_stream_read(p->tls, buf_reserve(&p->up, TLS_PUMP_ROOM), TLS_PUMP_ROOM);
	if (n > 0)
		buf_commit(&p->up, (size_t)n);
	p->client_ended = n == 0;
	p->broken = p->broken || n == TLS_FAILED;
	/* The session sees the end of input, and may still say something. */
	if (n == 0)
		shutdown(p->pipe, SHUT_WR);
	return n > 0;
}

static bool give_to_session(struct tls_pump *p)
{
	if (buf_len(&p->up) == 0)
		return false;
	ssize_t n = send(p->pipe, buf_data(&p->up), buf_len(&p->up), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		buf_consume(&p->up, (size_t)n);
	/* A session that is over does not take what comes late; its last words are still read. */
	else if (n < 0 && !is_wait())
		buf_consume(&p->up, buf_len(&p->up));
	return n > 0;
}

static bool take_from_session(struct tls_pump *p)
{
	if (p->pipe_ended || buf_len(&p->down) > 0)
		return false;
	ssize_t n =
	    recv(p->pipe, buf_reserve(&p->down, TLS_PUMP_ROOM), TLS_PUMP_ROOM, MSG_DONTWAIT);
	if (n > 0)
		buf_commit(&p->down, (size_t)n);
	p->pipe_ended = n == 0 || (n < 0 && !is_wait());
	return n > 0;
}

static bool give_to_client(struct tls_pump *p)
{
	if (buf_len(&p->down) == 0)
		return false;
	int n = tls_stream_write(p->tls, buf_data(&p->down), buf_len(&p->down), false);
	if (n > 0)
		buf_consume(&p->down, (size_t)n);
	p->broken = p->broken || n == TLS_FAILED;
	return n > 0;
}

static void watch(struct event *event, bool wanted)
{
	if (wanted)
		event_add(event, NULL);
	else
		event_del(event);
}

static void watch_all(struct tls_pump *p)
{
	watch(&p->client_in, !p->client_ended && buf_len(&p->up) == 0);
	watch(&p->client_out, buf_len(&p->down) > 0);
	watch(&p->pipe_in, !p->pipe_ended && buf_len(&p->down) == 0);
	watch(&p->pipe_out, buf_len(&p->up) > 0);
}

/* An idle pump has no memory but its own. */
static void release_idle(struct tls_pump *p)
{
	if (buf_len(&p->up) == 0)
		buf_release(&p->up);
	if (buf_len(&p->down) == 0)
		buf_release(&p->down);
}

static void run(struct tls_pump *p)
{
	bool moved = true, given = false;
	for (int i = 0; i < STEPS && moved && !p->broken; i++) {
		bool now = false;
		moved = take_from_client(p);
		moved = give_to_session(p) || moved;
		moved = take_from_session(p) || moved;
		now = give_to_client(p);
		moved = now || moved;
		given = now || given;
	}
	bool over = p->broken || (p->pipe_ended && buf_len(&p->down) == 0);
	if (over) {
		p->over(p->ctx, false);
		return;
	}
	release_idle(p);
	watch_all(p);
	if (moved)
		event_active(&p->pipe_in, EV_READ, 1);
	if (p->last_words && given)
		p->over(p->ctx, true);
}

static void on_event(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	run(ctx);
}

/* Its last words may be behind others that the client does not take: so this is not read, but told.
 */
static void on_pipe_end(evutil_socket_t fd, short what, void *ctx)
{
	struct tls_pump *p = ctx;
	(void)fd;
	(void)what;
	event_del(&p->pipe_end);
	p->last_words = true;
	p->over(p->ctx, true);
}

struct tls_pump *tls_pump_new(
    struct tls_stream *tls, int fd, int pipe, tls_pump_over_fn *over, void *ctx)
{
	struct tls_pump *p = xcalloc(1, sizeof(*p));
	*p = (struct tls_pump){.tls = tls,
	    .pipe = pipe,
	    .up = BUF_INIT(TLS_PUMP_ROOM),
	    .down = BUF_INIT(TLS_PUMP_ROOM),
	    .over = over,
	    .ctx = ctx};
	event_assign(&p->client_in, loop_base(), fd, EV_READ | EV_PERSIST, on_event, p);
	event_assign(&p->client_out, loop_base(), fd, EV_WRITE | EV_PERSIST, on_event, p);
	event_assign(&p->pipe_in, loop_base(), pipe, EV_READ | EV_PERSIST, on_event, p);
	event_assign(&p->pipe_out, loop_base(), pipe, EV_WRITE | EV_PERSIST, on_event, p);
	event_assign(&p->pipe_end, loop_base(), pipe, EV_CLOSED | EV_PERSIST, on_pipe_end, p);
	event_add(&p->pipe_end, NULL);
	watch_all(p);
	/* What TLS has ready already, the socket does not tell. */
	event_active(&p->pipe_in, EV_READ, 1);
	return p;
}

void tls_pump_free(struct tls_pump *p)
{
	if (p == NULL)
		return;
	event_del(&p->client_in);
	event_del(&p->client_out);
	event_del(&p->pipe_in);
	event_del(&p->pipe_out);
	event_del(&p->pipe_end);
	close(p->pipe);
	buf_release(&p->up);
	buf_release(&p->down);
	free(p);
}
