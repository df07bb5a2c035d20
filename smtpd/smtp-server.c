/* SPDX-License-Identifier: ISC
 *
 * Lines into commands, commands through the table of verbs, statuses into
 * replies and their consequences. What content is, smtp-content.c knows.
 *
 * Invariants: in SMTP_CONNECTED and SMTP_READY there is no transaction, in the
 * other states there is one; in PHASE_WAIT nothing is consumed; in PHASE_CLOSED
 * nothing is answered any more.
 */
#include "smtpd/smtp-internal.h"
#include "smtpd/submission.h"

#include <stdlib.h>

enum { RATE_WINDOW_MS = 60 * 1000, RATE_FORGIVEN = 2 };

void smtp_server_init(struct smtp_server *s, const struct smtp_policy *policy,
    const struct smtp_ops *ops, void *ctx, struct buf *out)
{
	*s = (struct smtp_server){.policy = policy,
	    .ops = ops,
	    .ctx = ctx,
	    .out = out,
	    .state = SMTP_CONNECTED,
	    .phase = PHASE_COMMAND};
}

static void close_session(struct smtp_server *s)
{
	if (s->phase == PHASE_AUTH && !s->auth.last)
		s->ops->auth_abort(s->ctx);
	smtp_transaction_over(s);
	s->phase = PHASE_CLOSED;
}

void smtp_server_free(struct smtp_server *s)
{
	close_session(s);
	free(s->helo);
	free(s->login);
	s->helo = s->login = NULL;
}

void smtp_server_greet(struct smtp_server *s)
{
	reply_status(s->out, STATUS_GREETING, s->policy->hostname);
}

/* RFC 3848, RFC 6531 §4.3: S for TLS, A for a login. */
const char *smtp_server_protocol(const struct smtp_server *s)
{
	static const char *const names[2][4] = {
	    {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
	    {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
	};
	bool utf8 = s->txn.envelope.flags & ENVELOPE_SMTPUTF8;
	unsigned with = (s->tls != NULL ? 1U : 0U) + (s->login != NULL ? 2U : 0U);
	return !s->esmtp && !utf8 && with == 0 ? "SMTP" : names[utf8][with];
}

void smtp_server_expect_tls(struct smtp_server *s)
{
	s->phase = PHASE_TLS;
}

void smtp_server_on_tls(struct smtp_server *s, const struct tls_facts *facts)
{
	if (s->phase != PHASE_TLS)
		return;
	smtp_transaction_over(s);
	free(s->helo);
	free(s->login);
	s->helo = s->login = NULL;
	s->esmtp = false;
	s->verb = NULL;
	s->tls = facts;
	s->phase = PHASE_COMMAND;
	smtp_set_state(s, SMTP_CONNECTED);
}

void smtp_set_state(struct smtp_server *s, enum smtp_state state)
{
	s->state = state;
}

void smtp_wait(struct smtp_server *s, enum smtp_wait wait, enum smtp_phase resume)
{
	s->wait = wait;
	s->resume = resume;
	s->phase = PHASE_WAIT;
}

void smtp_transaction_over(struct smtp_server *s)
{
	if (s->wait != WAIT_NOTHING || s->txn.large || s->txn.submitted)
		s->ops->abandon(s->ctx);
	s->wait = WAIT_NOTHING;
	s->ended = false;
	transaction_reset(&s->txn);
	if (s->state != SMTP_CONNECTED)
		smtp_set_state(s, SMTP_READY);
}

void smtp_server_end(struct smtp_server *s, enum smtp_status status)
{
	if (s->phase == PHASE_CLOSED)
		return;
	reply_status(s->out, status, s->policy->hostname);
	close_session(s);
}

static void count(struct smtp_server *s, unsigned code)
{
	if (s->verb == NULL || !(s->verb->flags & VERB_LISTED))
		return;
	struct smtp_counts *c = &s->counts[s->verb - verbs];
	if (c->all < UINT16_MAX) {
		c->all++;
		c->ok = (uint16_t)(c->ok + (code < 400));
	}
}

/* Commands in this minute that did not carry mail forward. */
static bool is_too_fast(struct smtp_server *s, unsigned code)
{
	if (code < 400 && s->verb != NULL && (s->verb->flags & VERB_MAIL))
		return false;
	uint64_t now = s->ops->now_ms();
	if (now - s->rate_start >= RATE_WINDOW_MS) {
		s->rate_start = now;
		s->rate_count = 0;
	}
	return ++s->rate_count > s->policy->commands_per_minute;
}

static bool is_rcpt_refusal(const struct smtp_server *s, unsigned code)
{
	return code >= 500 && s->verb != NULL && s->verb->run == verb_rcpt && !s->own_network;
}

static void tell_refusal(struct smtp_server *s, const struct reply *reply)
{
	struct smtp_refusal refusal = {
	    .verb = s->verb == NULL ? "" : s->verb->name,
	    .reply = *reply,
	};
	if (s->verb != NULL && s->verb->run == verb_rcpt)
		refusal.recipient = s->txn.rcpt.original;
	s->ops->on_refusal(s->ctx, &refusal);
}

/* What follows from having given this reply. */
static void draw_conclusions(struct smtp_server *s, const struct reply *reply)
{
	count(s, reply->code);
	if (reply->code >= 400) {
		tell_refusal(s, reply);
		if (s->state == SMTP_READY) /* what a refused MAIL began has been told */
			transaction_reset(&s->txn);
	}
	s->bad_commands += reply->flag == REPLY_BAD;
	s->refused_rcpts += is_rcpt_refusal(s, reply->code);
	if (reply->flag == REPLY_ENDS)
		close_session(s);
	else if (s->bad_commands >= s->policy->bad_commands_max)
		smtp_server_end(s, STATUS_TOO_MANY_ERRORS);
	else if (s->refused_rcpts >= REFUSED_RCPTS_MAX)
		smtp_server_end(s, STATUS_TOO_MANY_REFUSED);
	else if (s->auth.failures >= s->policy->login_failures_max)
		smtp_server_end(s, STATUS_TOO_MANY_LOGINS);
	else if (is_too_fast(s, reply->code))
		smtp_server_end(s, STATUS_TOO_FAST);
}

void smtp_conclude(struct smtp_server *s, enum smtp_status status)
{
	if (status == STATUS_NONE)
		return;
	if (submission_conclude(s, status))
		return;
	reply_status(s->out, status, s->policy->hostname);
	if (status != STATUS_START_DATA)
		draw_conclusions(s, reply_of(status));
}

void smtp_conclude_reply(struct smtp_server *s, const struct reply *reply)
{
	reply_line(s->out, reply, false);
	draw_conclusions(s, reply);
}

static enum smtp_status refusal_of(const struct smtp_server *s, const struct verb *verb)
{
	if (s->state == SMTP_CONNECTED)
		return STATUS_HELO_FIRST;
	return s->state == SMTP_CHUNKS ? STATUS_IN_CHUNKS : verb->refusal;
}

static enum smtp_status run(struct smtp_server *s, struct str text)
{
	const struct verb *verb = s->verb;
	struct argument argument = {0};
	enum smtp_status why = verb->syntax;
	if (verb->run == NULL)
		return verb->refusal;
	if (!(verb->states & s->state))
		return refusal_of(s, verb);
	if (!verb_parse_argument(verb, text, &argument, &why))
		return why;
	return verb->run(s, &argument);
}

static bool repairs(const struct smtp_server *s)
{
	return s->own_network && !s->policy->bare_newline_refuse;
}

static void run_line(struct smtp_server *s, struct str line)
{
	size_t name = str_find(line, ' ');
	s->verb = verb_find(str_head(line, name));
	s->txn.rcpt = (struct rcpt){0};
	if (s->verb == NULL) {
		s->unknown++;
		smtp_conclude(s, STATUS_UNRECOGNIZED);
		return;
	}
	smtp_conclude(s, run(s, str_trim(str_skip(line, name))));
}

enum smtp_status smtp_take_cr(const struct smtp_server *s, struct str *line)
{
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	else if (!repairs(s))
		return STATUS_BARE_LF;
	if (str_find(*line, '\r') == line->n)
		return STATUS_NONE;
	return repairs(s) ? STATUS_UNRECOGNIZED : STATUS_BARE_CR;
}

static void take_line(struct smtp_server *s, struct str line)
{
	s->verb = NULL;
	enum smtp_status status = smtp_take_cr(s, &line);
	if (status != STATUS_NONE) {
		smtp_conclude(s, status);
		return;
	}
	/* Trailing blanks are tolerated: RFC 5321 §4.1.1. */
	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	run_line(s, line);
}

/* A TLS hello and its like; nothing that a mail client begins a line with. */
static bool is_foreign(char first)
{
	return first != '\r' && first != '\n' && first != '\t' && !ascii_is_print(first);
}

void smtp_discard_line(struct smtp_server *s)
{
	s->phase = PHASE_OVERLONG;
	s->left = COMMAND_DISCARD_MAX;
}

static size_t feed_command(struct smtp_server *s, struct str in)
{
	bool auth = str_has_caseprefix(in, STR("AUTH "));
	size_t max = auth ? AUTH_LINE_MAX : COMMAND_LINE_MAX;
	struct str line = str_head(in, max);
	size_t n = str_find(line, '\n');
	if (is_foreign(in.p[0])) {
		s->verb = NULL;
		smtp_conclude(s, STATUS_FOREIGN);
		return in.n;
	}
	if (n < line.n) {
		s->followed = in.n > n + 1;
		take_line(s, str_head(line, n));
		return n + 1;
	}
	if (in.n < max)
		return 0;
	s->verb = NULL;
	smtp_discard_line(s);
	smtp_conclude(s, auth ? STATUS_AUTH_TOO_LONG : STATUS_LINE_TOO_LONG);
	return line.n;
}

static size_t feed_overlong(struct smtp_server *s, struct str in)
{
	in = str_head(in, s->left);
	size_t n = str_find(in, '\n');
	if (n < in.n) {
		s->phase = PHASE_COMMAND;
		return n + 1;
	}
	s->left -= in.n;
	if (s->left == 0)
		smtp_server_end(s, STATUS_TOO_MANY_ERRORS);
	return in.n;
}

static size_t feed_nothing(struct smtp_server *s, struct str in)
{
	(void)s;
	(void)in;
	return 0;
}

static size_t feed_closed(struct smtp_server *s, struct str in)
{
	(void)s;
	return in.n;
}

static size_t (*const feeders[])(struct smtp_server *s, struct str in) = {
    [PHASE_COMMAND] = feed_command,
    [PHASE_AUTH] = smtp_feed_auth,
    [PHASE_OVERLONG] = feed_overlong,
    [PHASE_DATA] = smtp_feed_data,
    [PHASE_CHUNK] = smtp_feed_chunk,
    [PHASE_REFUSED_CHUNK] = smtp_feed_refused_chunk,
    [PHASE_WAIT] = feed_nothing,
    [PHASE_TLS] = feed_nothing,
    [PHASE_CLOSED] = feed_closed,
};

size_t smtp_server_feed(struct smtp_server *s, struct str in)
{
	size_t used = 0;
	while (used < in.n && buf_len(s->out) < REPLIES_MAX) {
		size_t n = feeders[s->phase](s, str_skip(in, used));
		if (n == 0)
			break;
		used += n;
	}
	return used;
}

void smtp_server_on_rcpt(struct smtp_server *s, const struct smtp_rcpt_answer *answer)
{
	if (s->wait != WAIT_RCPT)
		return;
	s->wait = WAIT_NOTHING;
	s->phase = s->resume;
	smtp_conclude(s, smtp_rcpt_decide(s, answer));
}

static bool take_stored(struct smtp_server *s)
{
	if (s->wait != WAIT_STORED)
		return false;
	s->wait = WAIT_NOTHING;
	s->phase = s->resume;
	/* The file, if there was one, is the queue's now, or gone. */
	s->txn.submitted = false;
	s->txn.large = false;
	return true;
}

void smtp_server_on_stored(struct smtp_server *s, struct str id)
{
	char text[64] = "Ok: queued as ";
	size_t n = strlen(text);
	if (!take_stored(s))
		return;
	id = str_head(id, sizeof(text) - n);
	memcpy(text + n, id.p, id.n);
	s->messages++;
	s->rate_count -= s->rate_count < RATE_FORGIVEN ? s->rate_count : RATE_FORGIVEN;
	smtp_conclude_reply(
	    s, &(struct reply){
		   .code = 250, .enhanced = STR("2.0.0"), .text = str_from(text, n + id.n)});
	smtp_transaction_over(s);
}

void smtp_server_on_not_stored(struct smtp_server *s, const struct reply *reply)
{
	if (!take_stored(s))
		return;
	if (reply->code >= 400 && reply_is_valid(reply->code, reply->enhanced))
		smtp_conclude_reply(s, reply);
	else
		smtp_conclude(s, STATUS_LOCAL_ERROR);
	smtp_transaction_over(s);
}
