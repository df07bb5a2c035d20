/* SPDX-License-Identifier: ISC
 *
 * A packet is a 16-bit message id and the message's fields (wire.h). Packet 0 is
 * the greeting: edge name, version, and which side speaks.
 *
 * Invariant: a channel is closed exactly once, by fail(); from then on nothing is
 * sent or received, and `closed` is called from the loop unless the owner frees
 * the channel first. A peer that cannot be sent to is heard out before. Never: act
 * on a packet that does not decode to its last octet, or trust a count of
 * descriptors other than the row's.
 */
#include "common/channel-internal.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	PACKETS_PER_ROUND = 64,	       /* so that one busy peer does not starve the others */
	DECODED_MAX = 8 * 1024 * 1024, /* lists of one message */
	SECRET_MAX = 8 * 1024, /* a packet with one: growing would leave a copy behind */
	PACKET_COST = 128, /* of one that waits, beside its octets */
	SHORTAGE_MS = 20,	       /* until what the kernel lacked is tried for again */
};

struct packet {
	struct packet *next;
	size_t n;
	size_t nfds;
	int fds[CHANNEL_FDS_MAX];
	uint8_t data[];
};

struct channel {
	int fd; /* -1 once closed */
	bool greeted;
	bool deserted; /* nobody reads what is sent; what the peer had sent before is still to be read */
	bool dispatching;
	bool freed; /* by its owner, inside a handler */
	const struct edge_side *side;
	const void *handlers;
	void *ctx;
	channel_closed_fn *closed;
	const char *why; /* until its owner is told */
	enum channel_end how;
	struct event *readable;
	struct event *writable;
	struct event *retry;
	struct event *closing;
	struct packet *first, **last;
	size_t backlog;
	size_t packets; /* in it */
};

/* One packet at a time is built, and one is read, in the whole process. What is sent may be a
 * password, of which nothing stays here; who receives one wipes it where it is. */
static struct buf out_packet = BUF_INIT(PACKET_MAX);
static uint8_t in_packet[PACKET_MAX];
static struct pool *in_pool;
static void (*on_end)(int fd, enum channel_end how);

static void drop_packet(struct channel *ch)
{
	struct packet *p = ch->first;
	ch->first = p->next;
	if (ch->first == NULL)
		ch->last = &ch->first;
	ch->backlog -= p->n;
	ch->packets--;
	explicit_bzero(p->data, p->n);
	channel_close_fds(p->fds, p->nfds);
	free(p);
}

static void shut(struct channel *ch)
{
	if (ch->fd < 0)
		return;
	event_free(ch->readable);
	event_free(ch->writable);
	event_free(ch->retry);
	if (on_end != NULL)
		on_end(ch->fd, ch->how);
	close(ch->fd);
	ch->fd = -1;
	while (ch->first != NULL)
		drop_packet(ch);
}

static void fail(struct channel *ch, enum channel_end how, const char *why)
{
	if (ch->fd < 0)
		return;
	ch->how = how;
	shut(ch);
	ch->why = why;
	loop_timer_start(ch->closing, 0);
}

/* It may have said more than we have read before it went: on_closing goes on. */
static void desert(struct channel *ch)
{
	ch->deserted = true;
	while (ch->first != NULL)
		drop_packet(ch);
	event_del(ch->writable);
	loop_timer_stop(ch->retry);
	loop_timer_start(ch->closing, 0);
}

/* Until what is queued can be sent, if ever. */
static void wait_to_send(struct channel *ch, enum channel_sent why)
{
	if (why == CHANNEL_FAILED) {
		desert(ch);
	} else if (why == CHANNEL_FULL) {
		event_add(ch->writable, NULL);
	} else {
		event_del(ch->writable); /* which the socket may well be */
		loop_timer_start(ch->retry, SHORTAGE_MS);
	}
}

static bool enqueue(
    struct channel *ch, const uint8_t *data, size_t n, const int *fds, size_t nfds)
{
	if (ch->backlog + n + (ch->packets + 1) * PACKET_COST > CHANNEL_BACKLOG_MAX) {
		fail(ch, CHANNEL_BROKEN, "the peer does not read");
		return false;
	}
	struct packet *p = xmalloc(sizeof(*p) + n);
	*p = (struct packet){.n = n, .nfds = nfds};
	memcpy(p->data, data, n);
	for (size_t i = 0; i < nfds; i++)
		p->fds[i] = -1;
	for (size_t i = 0; i < nfds; i++) {
		p->fds[i] = dup(fds[i]);
		if (p->fds[i] < 0) {
			channel_close_fds(p->fds, nfds);
			free(p);
			fail(ch, CHANNEL_BROKEN, "out of descriptors");
			return false;
		}
	}
	*ch->last = p;
	ch->last = &p->next;
	ch->backlog += n;
	ch->packets++;
	return true;
}

static bool send_packet(
    struct channel *ch, const uint8_t *data, size_t n, const int *fds, size_t nfds)
{
	if (ch->first != NULL)
		return enqueue(ch, data, n, fds, nfds);
	enum channel_sent sent = channel_send_now(ch->fd, data, n, fds, nfds);
	if (sent == CHANNEL_SENT)
		return true;
	if (sent == CHANNEL_FAILED) {
		desert(ch);
		return false;
	}
	if (!enqueue(ch, data, n, fds, nfds))
		return false;
	wait_to_send(ch, sent);
	return true;
}

static void send_queued(void *arg)
{
	struct channel *ch = arg;
	while (ch->first != NULL) {
		struct packet *p = ch->first;
		enum channel_sent sent = channel_send_now(ch->fd, p->data, p->n, p->fds, p->nfds);
		if (sent != CHANNEL_SENT) {
			wait_to_send(ch, sent);
			return;
		}
		drop_packet(ch);
	}
	event_del(ch->writable);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_queued(arg);
}

bool channel_send(struct channel *ch, uint16_t id, void (*put)(struct wire_writer *, const void *),
    const void *v, const int *fds, size_t nfds)
{
	struct wire_writer w = {.buf = &out_packet};
	if (channel_is_closed(ch) || nfds > CHANNEL_FDS_MAX)
		return false;
	buf_reset(&out_packet);
	wire_put_u16(&w, id);
	put(&w, v);
	bool sent = !w.failed && send_packet(ch, out_packet.p, out_packet.end, fds, nfds);
	explicit_bzero(out_packet.p, out_packet.end);
	return sent;
}

/* That an answer cannot be sent is no fault of what was asked. */
static bool take(struct channel *ch, const struct msg_row *row, const void *v, int *fds)
{
	if (row->call(ch->handlers, ch->ctx, v, fds))
		return true;
	if (ch->deserted)
		fail(ch, CHANNEL_LEFT, "the peer is gone");
	return false;
}

/* NULL, or what the peer did wrong. */
static const char *dispatch(struct channel *ch, size_t n, int *fds, size_t nfds)
{
	struct wire_reader r = {.p = in_packet, .n = n, .pool = in_pool};
	uint16_t id = wire_get_u16(&r);
	if (!ch->greeted) {
		if (r.failed || id != CHANNEL_GREETING || nfds != 0)
			return "the peer sent something before it greeted";
		ch->greeted = channel_greeting_fits(ch->side, &r);
		ch->how = ch->greeted ? CHANNEL_LEFT : CHANNEL_STRANGER;
		return ch->greeted ? NULL
				   : "the peer is of another version of Postern, or not the program it "
				     "should be: restart the whole suite";
	}
	const struct msg_row *row = channel_find_row(ch->side, id);
	if (row == NULL || row->descriptors != nfds)
		return "the peer sent a message that does not belong on this edge";
	void *v = channel_decode(row, &r);
	if (v == NULL)
		return "the peer sent a malformed message";
	return take(ch, row, v, fds) ? NULL : "the peer broke the protocol";
}

/* Whether to go on with this channel. */
static bool receive_one(struct channel *ch)
{
	int fds[CHANNEL_FDS_MAX];
	size_t nfds;
	bool gone, cut;
	ssize_t n = channel_receive(ch->fd, in_packet, fds, &nfds, &gone, &cut);
	if (n <= 0 || cut) {
		channel_close_fds(fds, nfds);
		if (cut)
			fail(ch, CHANNEL_BROKEN,
			    "the peer sent too much at once, or we are out of descriptors");
		else if (gone || n == 0)
			fail(ch, CHANNEL_LEFT, n == 0 ? "the peer closed it" : "the peer is gone");
		return false;
	}
	const char *why = dispatch(ch, (size_t)n, fds, nfds);
	channel_close_fds(fds, nfds);
	pool_reset(in_pool);
	if (why != NULL && !ch->freed)
		fail(ch, ch->how == CHANNEL_STRANGER ? CHANNEL_STRANGER : CHANNEL_BROKEN, why);
	return !ch->freed && ch->fd >= 0;
}

/* Its owner has a new one, before it heard that this was broken: then it is said here. */
static void really_free(struct channel *ch)
{
	if (ch->why != NULL && ch->how != CHANNEL_LEFT)
		log_message(LOG_WARNING, "a channel of %s is closed: %s", ch->side->edge, ch->why);
	shut(ch);
	event_free(ch->closing);
	free(ch);
}

/* Whether there still is a channel. */
static bool receive(struct channel *ch, int packets)
{
	ch->dispatching = true;
	for (int i = 0; i < packets && receive_one(ch); i++)
		continue;
	ch->dispatching = false;
	if (!ch->freed)
		return true;
	really_free(ch);
	return false;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	receive(arg, PACKETS_PER_ROUND);
}

static void on_closing(void *arg)
{
	struct channel *ch = arg;
	const char *why = ch->why;
	if (ch->fd < 0) {
		ch->why = NULL;
		ch->closed(ch->ctx, ch, why);
	} else if (receive(ch, 16 * PACKETS_PER_ROUND)) {
		fail(ch, CHANNEL_LEFT, "the peer is gone");
	}
}

struct channel *channel_new(int fd, const struct edge_side *side, const void *handlers, void *ctx,
    channel_closed_fn *closed)
{
	struct channel *ch = xcalloc(1, sizeof(*ch));
	*ch = (struct channel){.fd = fd,
	    .side = side,
	    .handlers = handlers,
	    .ctx = ctx,
	    .closed = closed};
	ch->last = &ch->first;
	if (in_pool == NULL) {
		in_pool = pool_new(DECODED_MAX);
		buf_reserve(&out_packet, SECRET_MAX);
	}
	ch->closing = loop_timer(on_closing, ch);
	ch->retry = loop_timer(send_queued, ch);
	ch->readable = loop_watch(fd, EV_READ, on_readable, ch);
	ch->writable = event_new(loop_base(), fd, EV_WRITE | EV_PERSIST, on_writable, ch);
	channel_send(ch, CHANNEL_GREETING, channel_put_greeting, side, NULL, 0);
	return ch;
}

void channel_free(struct channel *ch)
{
	if (ch == NULL)
		return;
	if (ch->dispatching) {
		shut(ch);
		ch->freed = true;
		loop_timer_stop(ch->closing);
		return;
	}
	really_free(ch);
}

size_t channel_backlog(const struct channel *ch)
{
	return ch->backlog;
}

bool channel_is_closed(const struct channel *ch)
{
	return ch->fd < 0 || ch->deserted;
}

int channel_fd(const struct channel *ch)
{
	return ch->fd;
}

int channel_loss_level(const struct channel *ch)
{
	return ch->how == CHANNEL_LEFT ? LOG_INFO : LOG_WARNING;
}

void channel_watch(void (*ended)(int fd, enum channel_end how))
{
	on_end = ended;
}

bool channel_peer_uid(const struct channel *ch, uint32_t *uid)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	if (ch->fd < 0 || getsockopt(ch->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return false;
	*uid = cred.uid;
	return true;
}
