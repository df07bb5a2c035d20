/* SPDX-License-Identifier: ISC
 *
 * From DATA or the first BDAT to the answer: scans what comes, keeps it in
 * memory up to INLINE_CONTENT_MAX and in the large file above, and hands the
 * message over. Content that must be refused is read to its end, kept nowhere,
 * and refused there. A submission stays in memory until its header is whole
 * (submission.h).
 */
#include "smtpd/smtp-internal.h"
#include "smtpd/submission.h"

enum {
	PIECE_MAX = 32 * 1024, /* repaired newlines can double it: TRANSACTION_BODY_MAX */
	FIRST_BODY = 8 * 1024,
	LARGE_WRITE = 64 * 1024,
};

static const enum smtp_status fault_status[] = {
    [CONTENT_TOO_BIG] = STATUS_TOO_BIG,
    [CONTENT_HEADER_TOO_BIG] = STATUS_HEADER_TOO_BIG,
    [CONTENT_LINE_TOO_LONG] = STATUS_CONTENT_LINE,
    [CONTENT_LOOPS] = STATUS_LOOP,
};

/* From now on it is only read to its end. */
static void refuse(struct smtp_server *s, enum smtp_status fault)
{
	struct transaction *t = &s->txn;
	if (t->fault != STATUS_NONE)
		return;
	t->fault = fault;
	buf_release(&t->body);
	if (t->large)
		s->ops->abandon(s->ctx);
	t->large = false;
}

static unsigned min_header(unsigned header_max)
{
	return header_max < SUBMITTED_HEADER_MAX ? header_max : SUBMITTED_HEADER_MAX;
}

void smtp_content_begin(struct smtp_server *s, bool dots)
{
	struct transaction *t = &s->txn;
	struct content_limits limits = {
	    .size_max = s->policy->message_max,
	    .header_max = s->policy->header_max,
	    .hops_max = s->policy->hops_max,
	};
	uint64_t wall_ms = s->ops->wall_ms();
	size_t expected = t->size_declared == 0 ? FIRST_BODY : INLINE_CONTENT_MAX;
	if (t->size_declared > 0 && t->size_declared < INLINE_CONTENT_MAX)
		expected = (size_t)t->size_declared + 1024;
	t->header_taken = !submission_applies(s);
	if (!t->header_taken) {
		limits.header_max = min_header(limits.header_max);
		t->body.max = SUBMITTED_HEADER_MAX + COMPLETED_HEADER_MAX + TRANSACTION_BODY_MAX;
	}
	content_init(&t->content, &limits, dots, s->own_network && !s->policy->bare_newline_refuse);
	t->envelope.arrival = wall_ms;
	buf_reserve(&t->body, expected);
	if (!smtp_put_received(s, &t->body, wall_ms))
		refuse(s, STATUS_LOCAL_ERROR);
	t->trace = buf_len(&t->body);
}

static void flush_large(struct smtp_server *s)
{
	struct transaction *t = &s->txn;
	if (!t->large || buf_len(&t->body) == 0)
		return;
	enum smtp_status status = s->ops->large_write(s->ctx, buf_str(&t->body));
	t->written += buf_len(&t->body);
	buf_reset(&t->body);
	if (status != STATUS_NONE)
		refuse(s, status);
}

static void keep(struct smtp_server *s, struct str octets)
{
	struct transaction *t = &s->txn;
	if (t->fault != STATUS_NONE)
		return;
	if (t->content.fault != CONTENT_OK)
		refuse(s, fault_status[t->content.fault]);
	else if (!buf_append_str(&t->body, octets))
		refuse(s, STATUS_LOCAL_ERROR);
	else if (buf_len(&t->body) >= LARGE_WRITE)
		flush_large(s);
}

static size_t scan(struct smtp_server *s, struct str in)
{
	struct transaction *t = &s->txn;
	size_t used = 0;
	in = str_head(in, PIECE_MAX);
	if (t->fault != STATUS_NONE)
		in = str_head(in, CONTENT_DISCARD_MAX - t->discarded);
	while (used < in.n && t->content.event == CONTENT_MORE) {
		struct str octets;
		used += content_scan(&t->content, str_skip(in, used), &octets);
		keep(s, octets);
	}
	if (t->fault != STATUS_NONE)
		t->discarded += used;
	return used;
}

static bool is_too_much_for_memory(const struct transaction *t)
{
	return t->fault == STATUS_NONE && !t->large && t->header_taken &&
	       buf_len(&t->body) > INLINE_CONTENT_MAX;
}

/* True when what comes next waits for an answer about the header. */
static bool waits_for_header(struct smtp_server *s)
{
	struct transaction *t = &s->txn;
	enum smtp_status status;
	if (t->header_taken || t->fault != STATUS_NONE)
		return false;
	t->header_taken = true;
	if (submission_take_header(s, &status))
		return true;
	if (status != STATUS_NONE)
		refuse(s, status);
	return false;
}

static void ask_for_file(struct smtp_server *s)
{
	smtp_wait(s, WAIT_LARGE_FILE, s->phase);
	s->ops->large_open(s->ctx);
}

/* Everything of the message was seen. */
static void content_end(struct smtp_server *s)
{
	struct transaction *t = &s->txn;
	s->ended = true;
	if (waits_for_header(s))
		return;
	if (is_too_much_for_memory(t)) {
		ask_for_file(s);
		return;
	}
	flush_large(s);
	if (t->fault != STATUS_NONE) {
		s->phase = PHASE_COMMAND;
		smtp_conclude(s, t->fault);
		smtp_transaction_over(s);
		return;
	}
	if (content_is_tls_optional(&t->content) && !(t->envelope.flags & ENVELOPE_REQUIRETLS))
		t->envelope.flags |= ENVELOPE_TLS_OPTIONAL;
	t->submitted = true;
	smtp_wait(s, WAIT_STORED, PHASE_COMMAND);
	s->ops->submit(s->ctx);
}

/* What to do about what was just scanned, unless the end was in it. False: the session is over. */
static bool goes_on(struct smtp_server *s)
{
	struct transaction *t = &s->txn;
	if (t->content.event == CONTENT_BARE_CR || t->content.event == CONTENT_BARE_LF) {
		bool cr = t->content.event == CONTENT_BARE_CR;
		smtp_conclude(s, cr ? STATUS_CONTENT_BARE_CR : STATUS_CONTENT_BARE_LF);
		return false;
	}
	if (t->discarded >= CONTENT_DISCARD_MAX) {
		smtp_conclude(s, t->fault);
		smtp_server_end(s, STATUS_TOO_MANY_ERRORS);
		return false;
	}
	return true;
}

/* In the middle of the content. */
static void take_care_of_memory(struct smtp_server *s)
{
	if (!s->txn.content.in_header && waits_for_header(s))
		return;
	if (is_too_much_for_memory(&s->txn))
		ask_for_file(s);
}

size_t smtp_feed_data(struct smtp_server *s, struct str in)
{
	size_t used = scan(s, in);
	if (s->txn.content.event == CONTENT_END)
		content_end(s);
	else if (goes_on(s))
		take_care_of_memory(s);
	return used;
}

size_t smtp_feed_chunk(struct smtp_server *s, struct str in)
{
	size_t used = scan(s, str_head(in, s->left));
	s->left -= used;
	if (!goes_on(s))
		return used;
	if (s->left == 0)
		smtp_chunk_done(s);
	else
		take_care_of_memory(s);
	return used;
}

static bool finish_last_line(struct smtp_server *s)
{
	struct str octets;
	do {
		content_finish(&s->txn.content, &octets);
		keep(s, octets);
	} while (octets.n > 0);
	return goes_on(s);
}

void smtp_chunk_done(struct smtp_server *s)
{
	struct transaction *t = &s->txn;
	if (!t->content.in_header && waits_for_header(s))
		return;
	if (is_too_much_for_memory(t)) {
		ask_for_file(s);
	} else if (s->chunk_last) {
		if (finish_last_line(s))
			content_end(s);
	} else {
		/* After a failed chunk there is no transaction, so that the rest of the chunks up
		 * to LAST is refused without any memory of this one (RFC 3030 §2). */
		s->phase = PHASE_COMMAND;
		smtp_conclude(s, t->fault == STATUS_NONE ? STATUS_CHUNK_OK : t->fault);
		if (t->fault != STATUS_NONE)
			smtp_transaction_over(s);
	}
}

/* RFC 3030 §2: the octets of a refused BDAT are accepted and thrown away before the reply. */
size_t smtp_feed_refused_chunk(struct smtp_server *s, struct str in)
{
	in = str_head(in, s->left);
	s->left -= in.n;
	if (s->left == 0) {
		s->phase = PHASE_COMMAND;
		smtp_conclude(s, s->chunk_status);
		smtp_transaction_over(s);
	}
	return in.n;
}

/* An answer is there: on to the next wait, or to more input. */
static void go_on(struct smtp_server *s)
{
	s->wait = WAIT_NOTHING;
	s->phase = s->resume;
}

static void after_wait(struct smtp_server *s)
{
	if (s->ended)
		content_end(s);
	else if (s->phase == PHASE_CHUNK && s->left == 0)
		smtp_chunk_done(s);
	else
		take_care_of_memory(s);
}

/* In MAIL, or of a whole header. */
void smtp_server_on_sender(struct smtp_server *s, enum sender_verdict verdict)
{
	if (s->wait != WAIT_SENDER)
		return;
	go_on(s);
	enum smtp_status status = submission_decide(s, verdict);
	if (s->state == SMTP_READY) {
		smtp_conclude(s, smtp_mail_decide(s, status));
		return;
	}
	if (status != STATUS_NONE)
		refuse(s, status);
	after_wait(s);
}

void smtp_server_on_large_file(struct smtp_server *s, enum smtp_status status)
{
	if (s->wait != WAIT_LARGE_FILE)
		return;
	go_on(s);
	s->txn.large = status == STATUS_NONE;
	if (status != STATUS_NONE)
		refuse(s, status);
	flush_large(s);
	after_wait(s);
}
