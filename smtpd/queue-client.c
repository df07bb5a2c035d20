/* SPDX-License-Identifier: ISC
 *
 * Invariant: a submission that is not SUBMISSION_NONE is in `active` and has a
 * cookie; one with a file descriptor is FILE_OPEN or LARGE_SENT.
 */
#include "smtpd/queue-client.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/msg-smtpd-queue.h"
#include "common/slots.h"

#include <errno.h>
#include <unistd.h>

static struct channel *channel; /* NULL: queue is away */
static uint64_t away_since_ms;
static bool intake_closed;
static struct slots cookies;
static TAILQ_HEAD(, submission) active = TAILQ_HEAD_INITIALIZER(active);
static const struct queue_client_events *events;

void queue_client_init(const struct queue_client_events *e)
{
	events = e;
	away_since_ms = loop_now_ms();
}

void queue_client_free(void)
{
	channel_free(channel);
	channel = NULL;
	slots_free(&cookies);
}

enum smtp_status queue_client_may_take(void)
{
	if (intake_closed)
		return STATUS_NO_SPACE;
	if (channel == NULL && loop_now_ms() - away_since_ms > QUEUE_AWAY_MS)
		return STATUS_LOCAL_ERROR;
	return STATUS_NONE;
}

static bool begin(struct submission *s, enum submission_state state)
{
	s->cookie = slots_put(&cookies, s);
	if (s->cookie == 0)
		return false;
	s->fd = -1;
	s->state = state;
	s->repeated = false;
	s->until_ms = loop_now_ms() + QUEUE_TIMEOUT_MS;
	TAILQ_INSERT_TAIL(&active, s, link);
	return true;
}

static void finish(struct submission *s)
{
	if (s->state == SUBMISSION_NONE)
		return;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	slots_take(&cookies, s->cookie);
	s->state = SUBMISSION_NONE;
	TAILQ_REMOVE(&active, s, link);
}

static void refuse(struct submission *s, const struct reply *reply)
{
	bool file = s->state == SUBMISSION_FILE_ASKED;
	finish(s);
	if (!file)
		events->on_not_stored(s, reply);
	else
		events->on_large_file(s, reply->code == 452 ? STATUS_NO_SPACE : STATUS_LOCAL_ERROR);
}

/* ---- sending --------------------------------------------------------------- */

/* What a recipient takes in a packet, and what all but recipients and content takes at most. */
static size_t recipient_size(const struct recipient *r)
{
	return 4 * 4 + 2 + r->address.n + r->original.n + r->orcpt.n + r->nexthop.n;
}
enum { ENVELOPE_SIZE_MAX = 4096 };

/* How many recipients from `list` on fit into so many octets, at most a packet's. */
static size_t fitting(const struct recipient *list, size_t count, size_t octets)
{
	size_t n = 0;
	while (n < count && n < RECIPIENTS_PER_PACKET && recipient_size(&list[n]) <= octets)
		octets -= recipient_size(&list[n++]);
	return n;
}

/* Sends recipients ahead until the rest fits into the last packet: *rest and *count. */
static bool send_ahead(
    const struct submission *s, size_t room, struct recipient **rest, size_t *count)
{
	*rest = s->txn->recipients;
	*count = s->txn->recipient_count;
	while (fitting(*rest, *count, room) < *count) {
		size_t n = fitting(*rest, *count, PACKET_MAX - ENVELOPE_SIZE_MAX);
		struct msg_submit_recipients m = {
		    .cookie = s->cookie, .recipients = *rest, .recipients_count = n};
		if (!msg_submit_recipients_send(channel, &m, NULL))
			return false;
		*rest += n;
		*count -= n;
	}
	return true;
}

static void send_small(struct submission *s)
{
	struct str content = buf_str(&s->txn->body);
	struct recipient *rest;
	size_t count;
	s->state = SUBMISSION_SENT;
	if (!send_ahead(s, PACKET_MAX - ENVELOPE_SIZE_MAX - content.n, &rest, &count))
		return;
	struct msg_submit m = {
	    .cookie = s->cookie,
	    .repeated = s->repeated,
	    .envelope = s->txn->envelope,
	    .recipients = rest,
	    .recipients_count = count,
	    .content = content,
	};
	msg_submit_send(channel, &m, NULL);
}

static void send_large(struct submission *s)
{
	struct recipient *rest;
	size_t count;
	s->state = SUBMISSION_LARGE_SENT;
	if (!send_ahead(s, PACKET_MAX - ENVELOPE_SIZE_MAX, &rest, &count))
		return;
	struct msg_submit_large m = {
	    .cookie = s->cookie,
	    .envelope = s->txn->envelope,
	    .recipients = rest,
	    .recipients_count = count,
	    .size = s->txn->written,
	};
	msg_submit_large_send(channel, &m, NULL);
}

static void ask_file(struct submission *s)
{
	const struct msg_large_open m = {.cookie = s->cookie};
	msg_large_open_send(channel, &m, NULL);
}

static bool may_send(void)
{
	return channel != NULL && channel_backlog(channel) < QUEUE_BACKLOG_MAX;
}

/* Those that wait, in order, as long as the channel takes them. */
static void send_waiting(void)
{
	struct submission *s;
	TAILQ_FOREACH(s, &active, link)
	{
		if (!may_send())
			return;
		if (s->state == SUBMISSION_WAITING)
			send_small(s);
	}
}

/* ---- what sessions want ---------------------------------------------------- */

void queue_client_large_open(struct submission *s)
{
	if (!begin(s, SUBMISSION_FILE_ASKED))
		events->on_large_file(s, STATUS_LOCAL_ERROR);
	else if (channel != NULL)
		ask_file(s);
}

enum smtp_status queue_client_large_write(struct submission *s, struct str octets)
{
	if (s->state != SUBMISSION_FILE_OPEN)
		return STATUS_LOCAL_ERROR;
	while (octets.n > 0) {
		ssize_t n = write(s->fd, octets.p, octets.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_message(LOG_ERR, "a large message cannot be written: %m");
			return errno == ENOSPC || errno == EDQUOT || errno == EFBIG
				   ? STATUS_NO_SPACE
				   : STATUS_LOCAL_ERROR;
		}
		octets = str_skip(octets, (size_t)n);
	}
	return STATUS_NONE;
}

/* Random enough that no two messages have the same, also not of two lives of a worker. */
static uint64_t new_token(void)
{
	static uint64_t count;
	const uint64_t seed[] = {++count, loop_wall_ms()};
	return hash_bytes(seed, sizeof(seed));
}

void queue_client_submit(struct submission *s, struct transaction *txn)
{
	bool large = s->state == SUBMISSION_FILE_OPEN;
	bool lost = s->state == SUBMISSION_FILE_LOST || (large && channel == NULL);
	if (s->state == SUBMISSION_NONE)
		lost = !begin(s, SUBMISSION_WAITING);
	s->txn = txn;
	s->until_ms = loop_now_ms() + QUEUE_TIMEOUT_MS;
	txn->envelope.token = new_token();
	if (lost)
		refuse(s, reply_of(STATUS_LOCAL_ERROR));
	else if (large)
		send_large(s);
	else if (may_send())
		send_small(s);
}

void queue_client_abandon(struct submission *s)
{
	const struct msg_submit_abandon m = {.cookie = s->cookie};
	bool known = s->state != SUBMISSION_NONE && s->state != SUBMISSION_WAITING &&
		     s->state != SUBMISSION_FILE_LOST;
	if (known && channel != NULL)
		msg_submit_abandon_send(channel, &m, NULL);
	finish(s);
}

void queue_client_tick(uint64_t now_ms)
{
	struct submission *s, *next;
	send_waiting();
	for (s = TAILQ_FIRST(&active); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		bool writing = s->state == SUBMISSION_FILE_OPEN || s->state == SUBMISSION_FILE_LOST;
		if (writing || s->until_ms > now_ms)
			continue;
		const struct msg_submit_abandon m = {.cookie = s->cookie};
		if (channel != NULL && s->state != SUBMISSION_WAITING)
			msg_submit_abandon_send(channel, &m, NULL);
		refuse(s, reply_of(STATUS_NOT_COMMITTED));
	}
}

/* ---- what queue says ------------------------------------------------------- */

static bool on_large_file(void *ctx, const struct msg_large_file *m, int *fds)
{
	(void)ctx;
	struct submission *s = slots_get(&cookies, m->cookie);
	if (s == NULL)
		return true;
	if (s->state != SUBMISSION_FILE_ASKED)
		return false;
	s->fd = fds[0];
	fds[0] = -1;
	s->state = SUBMISSION_FILE_OPEN;
	events->on_large_file(s, STATUS_NONE);
	return true;
}

static bool on_committed(void *ctx, const struct msg_committed *m, int *fds)
{
	(void)ctx;
	(void)fds;
	struct submission *s = slots_get(&cookies, m->cookie);
	if (s != NULL && s->state != SUBMISSION_SENT && s->state != SUBMISSION_LARGE_SENT)
		return false;
	if (s != NULL) {
		finish(s);
		events->on_stored(s, m->id);
	}
	send_waiting();
	return true;
}

static bool on_refused(void *ctx, const struct msg_refused *m, int *fds)
{
	(void)ctx;
	(void)fds;
	struct submission *s = slots_get(&cookies, m->cookie);
	const struct reply reply = {.code = m->code, .enhanced = m->enhanced, .text = m->text};
	if (s != NULL && s->state != SUBMISSION_WAITING)
		refuse(s, &reply);
	send_waiting();
	return true;
}

static bool on_intake(void *ctx, const struct msg_intake *m, int *fds)
{
	(void)ctx;
	(void)fds;
	if (intake_closed == (m->open != 0)) {
		struct log_event ev;
		log_begin(&ev, m->open ? LOG_NOTICE : LOG_WARNING, STR(""));
		log_str(&ev, "intake", m->open ? STR("open") : STR("closed"));
		if (m->text.n > 0)
			log_note(&ev, m->text);
		log_end(&ev);
	}
	intake_closed = m->open == 0;
	return true;
}

static const struct smtpd_queue_client_handlers handlers = {
    .large_file = on_large_file,
    .committed = on_committed,
    .refused = on_refused,
    .intake = on_intake,
};

/* ---- coming and going ------------------------------------------------------ */

/* Small messages wait for the next queue, which may find them in what it recovers; of a large one
 * only the old queue's file exists. */
static void on_lost(struct submission *s)
{
	switch (s->state) {
	case SUBMISSION_SENT:
		s->state = SUBMISSION_WAITING;
		s->repeated = true;
		break;
	case SUBMISSION_FILE_OPEN:
		close(s->fd);
		s->fd = -1;
		s->state = SUBMISSION_FILE_LOST;
		break;
	case SUBMISSION_LARGE_SENT:
		refuse(s, reply_of(STATUS_LOCAL_ERROR));
		break;
	case SUBMISSION_NONE:
	case SUBMISSION_FILE_ASKED:
	case SUBMISSION_FILE_LOST:
	case SUBMISSION_WAITING:
		break;
	}
}

static void forget_channel(void)
{
	struct submission *s, *next;
	channel_free(channel);
	channel = NULL;
	away_since_ms = loop_now_ms();
	intake_closed = false;
	for (s = TAILQ_FIRST(&active); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		on_lost(s);
	}
}

static void on_closed(void *ctx, struct channel *ch, const char *why)
{
	(void)ctx;
	(void)ch;
	log_message(LOG_WARNING, "queue is away: %s", why);
	forget_channel();
}

void queue_client_connect(int fd)
{
	struct submission *s;
	forget_channel();
	channel = channel_new(fd, &smtpd_queue_client, &handlers, NULL, on_closed);
	TAILQ_FOREACH(s, &active, link)
	if (s->state == SUBMISSION_FILE_ASKED)
		ask_file(s);
	send_waiting();
}
