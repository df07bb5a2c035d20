/* SPDX-License-Identifier: ISC
 *
 * What is in a notice: which recipients it tells of, what is said of them, and
 * what of the message goes back.
 */
#include "common/header.h"
#include "common/loop.h"
#include "common/queue-id.h"
#include "queue/bounce-internal.h"
#include "queue/dispatch.h"
#include "queue/queue-log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Of a large message that comes back as its header, and of what comes back at all. */
enum { HEADER_MAX = 256 * 1024, RETURN_MAX = 8 * 1024 * 1024 };

/* What is known of the message: its envelope, unless that is damaged. */
struct source {
	const struct message *m;
	bool damaged;
	struct read_back read;
	struct buf large; /* of a large content: all, or its beginning */
	struct str content;
	bool whole;
};

static bool read_large(struct source *s, struct reader *reader, size_t n)
{
	int fd = reader_open(reader, s->m);
	uint8_t *to = fd < 0 ? NULL : buf_reserve(&s->large, n);
	if (fd < 0)
		return errno == EBADMSG;
	while (to != NULL && buf_len(&s->large) < n) {
		ssize_t got = pread(fd, to, n - buf_len(&s->large), (off_t)buf_len(&s->large));
		if (got <= 0)
			break;
		buf_commit(&s->large, (size_t)got);
		to += got;
	}
	close(fd);
	s->content = buf_str(&s->large);
	return true;
}

/* RET=HDRS asks for less, RET=FULL for no more than the operator allows (RFC 3461 §4.3). Of what
 * had to be in TLS all the way only the header comes back, in TLS again (RFC 8689 §5). */
static bool may_return_whole(const struct bounces *b, const struct source *s, enum dsn_kind kind)
{
	bool large = s->m->size > b->size_max || s->m->size > RETURN_MAX;
	return !large && s->read.envelope.ret != RET_HDRS &&
	       (s->read.envelope.flags & ENVELOPE_REQUIRETLS) == 0 &&
	       (kind == DSN_FAILURE || kind == DSN_DOUBLE);
}

/* False: not now. */
static bool read_source(
    struct bounces *b, struct source *s, const struct message *m, enum dsn_kind kind)
{
	*s = (struct source){.m = m, .large = BUF_INIT(RETURN_MAX)};
	if (!reader_read(b->reader, m, &s->read)) {
		s->damaged = errno == EBADMSG;
		s->read = (struct read_back){.envelope = {.reverse_path = message_sender(m)}};
		return s->damaged;
	}
	s->content = s->read.content;
	s->whole = may_return_whole(b, s, kind);
	if (!(m->flags & MESSAGE_LARGE))
		return true;
	bool part = !s->whole && m->size > HEADER_MAX;
	return read_large(s, b->reader, part ? HEADER_MAX : (size_t)m->size);
}

static void done_source(struct source *s)
{
	buf_release(&s->large);
}

/* RFC 3461 §4.1; without NOTIFY failures and delays are told. */
static bool wants(const struct source *s, uint16_t number, enum notify what)
{
	uint8_t notify = s->damaged ? 0 : s->read.recipients[number].notify;
	if (notify == 0)
		return what != NOTIFY_SUCCESS;
	return (notify & NOTIFY_NEVER) == 0 && (notify & what) != 0;
}

static struct dsn_recipient describe(
    const struct bounces *b, const struct source *s, uint16_t number, enum dsn_action action)
{
	struct dsn_recipient r = {.address = message_address(s->m, number),
	    .original = message_original(s->m, number),
	    .orcpt = s->damaged ? (struct str){NULL, 0} : s->read.recipients[number].orcpt,
	    .action = action,
	    .why = reasons_why(b->active->reasons, message_recipients(s->m)[number].reason)};
	message_tries(s->m, number, &r.first_attempt, &r.last_attempt);
	return r;
}

/* What the notice tells, and of whom: several recipients may be one alias. */
struct told {
	struct dsn_recipient list[DSN_RECIPIENTS_MAX];
	size_t count;
};

static void tell(struct notice *n, struct told *t, uint16_t number, struct dsn_recipient r)
{
	t->list[t->count++] = r;
	n->numbers[n->count++] = number;
}

/* --- which recipients --------------------------------------------------- */

static bool is_in_state(const struct message *m, size_t number, unsigned states)
{
	return (message_recipients(m)[number].state & states) != 0;
}

static void tell_failed(
    struct bounces *b, struct notice *n, struct message *m, const struct source *s, struct told *t)
{
	for (size_t i = 0; i < m->recipient_count && n->count < DSN_RECIPIENTS_MAX; i++) {
		if (!is_in_state(m, i, RECIPIENT_FAILED))
			continue;
		if (wants(s, (uint16_t)i, NOTIFY_FAILURE))
			tell(n, t, (uint16_t)i, describe(b, s, (uint16_t)i, DSN_FAILED));
		else
			active_told(b->active, m, (uint16_t)i);
	}
}

static void tell_delayed(
    struct bounces *b, struct notice *n, struct message *m, const struct source *s, struct told *t)
{
	for (size_t i = 0; i < m->recipient_count && n->count < DSN_RECIPIENTS_MAX; i++)
		if (is_in_state(m, i, RECIPIENT_READY | RECIPIENT_DEFERRED) &&
		    wants(s, (uint16_t)i, NOTIFY_DELAY))
			tell(n, t, (uint16_t)i, describe(b, s, (uint16_t)i, DSN_DELAYED));
}

/* Another one of the same alias has been told of, in this notice or before. */
static bool is_told_alias(const struct message *m, uint16_t number, const struct notice *n)
{
	struct str alias = message_original(m, number);
	for (size_t i = 0; i < n->count; i++)
		if (str_eq(message_original(m, n->numbers[i]), alias))
			return true;
	for (size_t i = 0; i < m->recipient_count; i++)
		if (is_in_state(m, i, RECIPIENT_DELIVERED) &&
		    str_eq(message_original(m, (uint16_t)i), alias))
			return true;
	return false;
}

/* The alias itself; who is behind it is none of the sender's business. */
static struct dsn_recipient describe_alias(
    const struct bounces *b, const struct source *s, uint16_t number)
{
	struct dsn_recipient r = describe(b, s, number, DSN_EXPANDED);
	r.address = r.original;
	return r;
}

static struct dsn_recipient describe_success(
    const struct bounces *b, const struct source *s, struct message *m, uint16_t number)
{
	bool remote = message_job(m, number)->to->transport == TRANSPORT_REMOTE;
	struct dsn_recipient r = message_is_expanded(m, number)
				     ? describe_alias(b, s, number)
				     : describe(b, s, number, remote ? DSN_RELAYED : DSN_DELIVERED);
	r.why = (struct why){.status = STR("2.0.0")};
	return r;
}

static void tell_succeeded(
    struct bounces *b, struct notice *n, struct message *m, const struct source *s, struct told *t)
{
	for (size_t i = 0; i < m->recipient_count && n->count < DSN_RECIPIENTS_MAX; i++) {
		uint16_t number = (uint16_t)i;
		if (!is_in_state(m, i, RECIPIENT_SUCCEEDED))
			continue;
		if (s->damaged || !wants(s, number, NOTIFY_SUCCESS))
			active_told(b->active, m, number);
		else if (message_is_expanded(m, number) && is_told_alias(m, number, n))
			n->numbers[n->count++] = number;
		else
			tell(n, t, number, describe_success(b, s, m, number));
	}
}

/* --- the content -------------------------------------------------------- */

static bool write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n <= 0)
			return false;
		s = str_skip(s, (size_t)n);
	}
	return true;
}

/* A small one stays in memory, a larger one becomes a file. */
static bool keep_content(struct bounces *b, struct notice *n, struct str s)
{
	n->size = s.n;
	if (s.n <= INLINE_CONTENT_MAX) {
		n->content = content_new(s);
		return true;
	}
	int fd = spool_large_create(b->spool, n->id);
	if (fd < 0)
		return false;
	bool ok = write_all(fd, s);
	close(fd);
	if (!ok)
		spool_large_abandon(b->spool, n->id);
	return ok;
}

void bounce_unmake(struct bounces *b, struct notice *n)
{
	if (n->id != 0 && n->content == NULL && b->spool != NULL)
		spool_large_abandon(b->spool, n->id);
	content_free(n->content);
	n->content = NULL;
	n->id = 0;
}

static enum make_result make(
    struct bounces *b, struct notice *n, const struct source *s, const struct told *told)
{
	const struct envelope *e = &s->read.envelope;
	struct buf out = BUF_INIT(RETURN_MAX + 4 * DSN_OVERHEAD_MAX);
	n->id = spool_next_id(b->spool);
	const struct dsn d = {.text = b->templates->list[n->kind],
	    .hostname = b->hostname,
	    .postmaster = b->postmaster.n > 0 ? b->postmaster : STR("the postmaster"),
	    .to = str_from(n->to, n->to_size),
	    .id = n->id,
	    .now = loop_wall_ms(),
	    .about = s->m->id,
	    .arrival = s->m->arrival,
	    .until = active_expires(b->active, s->m),
	    .sender = message_sender(s->m),
	    .envid = e->envid,
	    .recipients = told->list,
	    .count = told->count,
	    .content = s->content,
	    .whole = s->whole,
	    .smtputf8 = (e->flags & ENVELOPE_SMTPUTF8) != 0,
	    .tls_optional = (e->flags & ENVELOPE_TLS_OPTIONAL) != 0};
	bool ok = dsn_put(&d, &out, &n->flags) && keep_content(b, n, buf_str(&out));
	n->flags |= e->flags & (ENVELOPE_REQUIRETLS | ENVELOPE_TLS_OPTIONAL);
	buf_release(&out);
	if (!ok)
		n->id = 0;
	return ok ? MAKE_READY : MAKE_LATER;
}

/* A notice of ours that did not get through either. */
static bool is_double_bounce(const struct source *s)
{
	return str_eq(s->read.envelope.session, DOUBLE_BOUNCE_SESSION);
}

static void drop_failed(struct bounces *b, struct message *m)
{
	for (size_t i = 0; i < m->recipient_count; i++)
		if (is_in_state(m, i, RECIPIENT_FAILED))
			active_told(b->active, m, (uint16_t)i);
}

typedef void tell_fn(
    struct bounces *b, struct notice *n, struct message *m, const struct source *s, struct told *t);

static tell_fn *const tellers[DSN_KINDS] = {
    [DSN_FAILURE] = tell_failed,
    [DSN_DELAY] = tell_delayed,
    [DSN_SUCCESS] = tell_succeeded,
    [DSN_DOUBLE] = tell_failed,
};

static enum make_result make_of(
    struct bounces *b, struct notice *n, struct message *m, const struct source *s)
{
	struct told told;
	if (n->kind == DSN_DOUBLE && is_double_bounce(s)) {
		queue_log_notice(m->id, "a double bounce cannot be delivered; given up", 0);
		drop_failed(b, m);
		return MAKE_NOTHING;
	}
	told.count = n->count = 0;
	tellers[n->kind](b, n, m, s, &told);
	/* Those of an alias that was told of before are over with nothing to say. */
	return told.count == 0 ? MAKE_NOTHING : make(b, n, s, &told);
}

enum make_result bounce_make(struct bounces *b, struct notice *n, struct message *m)
{
	struct source s;
	enum make_result result = MAKE_LATER;
	if (read_source(b, &s, m, n->kind))
		result = make_of(b, n, m, &s);
	done_source(&s);
	return result;
}
