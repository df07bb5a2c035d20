/* SPDX-License-Identifier: ISC */
#include "tests/unit/smtp-harness.h"
#include "common/address.h"
#include "common/mem.h"

#include <stdlib.h>

static const struct harness *current; /* for the clocks, which have no context */

static uint64_t now_ms(void)
{
	return current->now_ms;
}

static uint64_t wall_ms(void)
{
	return 1795471974000 + current->now_ms;
}

static void broke(struct harness *h, const char *why)
{
	h->broken = true;
	h->why = why;
}

static bool is_one_of(struct str s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (str_eq(s, str_from_cstr(*list)))
			return true;
	return false;
}

static struct smtp_rcpt_answer look_up(struct str address)
{
	static const char *const mailboxes[] = {"ann@example.org", "bob@example.org",
	    "cy@example.org", "admin@example.org", "o'hara@example.org", "\"john doe\"@example.org",
	    "m\303\274ller@example.org", NULL};
	static const struct target team[] = {
	    {.address = {"ann@example.org", 15}, .transport = TRANSPORT_LOCAL},
	    {.address = {"bob@example.org", 15}, .transport = TRANSPORT_LOCAL}};
	static const struct target admin = {
	    .address = {"admin@example.org", 17}, .transport = TRANSPORT_LOCAL};
	static struct target same, elsewhere;
	struct str local_part, domain;
	address_split(address, &local_part, &domain);
	same = (struct target){.address = address, .transport = TRANSPORT_LOCAL};
	elsewhere =
	    (struct target){.address = address, .nexthop = domain, .transport = TRANSPORT_REMOTE};
	if (str_eq(domain, STR("catchall.example")))
		return (struct smtp_rcpt_answer){RCPT_LOCAL, {NULL, 0}, team, 1};
	if (str_eq(address, STR("postmaster@mx.example.org")))
		return (struct smtp_rcpt_answer){RCPT_LOCAL, {NULL, 0}, &admin, 1};
	if (!str_eq(domain, STR("example.org")))
		return (struct smtp_rcpt_answer){RCPT_NOT_OURS, {NULL, 0}, &elsewhere, 1};
	if (is_one_of(address, mailboxes))
		return (struct smtp_rcpt_answer){RCPT_LOCAL, {NULL, 0}, &same, 1};
	if (str_caseeq(local_part, STR("postmaster")))
		return (struct smtp_rcpt_answer){RCPT_LOCAL, {NULL, 0}, &admin, 1};
	if (str_eq(local_part, STR("team")))
		return (struct smtp_rcpt_answer){RCPT_LOCAL, {NULL, 0}, team, 2};
	if (str_eq(local_part, STR("temp")))
		return (struct smtp_rcpt_answer){.verdict = RCPT_TEMPORARY};
	if (str_eq(local_part, STR("coded")))
		return (struct smtp_rcpt_answer){
		    RCPT_REFUSED, STR("5.1.6 Moved to example.net"), NULL, 0};
	if (str_eq(local_part, STR("blocked")))
		return (struct smtp_rcpt_answer){RCPT_REFUSED, STR("Not by mail, please"), NULL, 0};
	return (struct smtp_rcpt_answer){.verdict = RCPT_NO_MAILBOX};
}

static bool check_rcpt(void *ctx, struct str address, struct smtp_rcpt_answer *answer)
{
	struct harness *h = ctx;
	if (h->rcpt_asked)
		broke(h, "a second RCPT question while one is open");
	h->rcpt_asked = h->deferred;
	*answer = look_up(address);
	return !h->deferred;
}

static bool is_owned(struct str address)
{
	size_t at = str_rfind(address, '@');
	struct str local_part = str_head(address, at);
	return str_eq(str_skip(address, at), STR("@example.org")) &&
	       (str_has_prefix(local_part, STR("ann")) || str_eq(local_part, STR("sales")));
}

static enum sender_verdict judge(const struct harness *h)
{
	const struct smtp_sender_query *q = h->server.txn.sender_query;
	if (q->count > 0 && str_eq(q->addresses[0].address, STR("temp@example.org")))
		return SENDER_TEMPORARY;
	if (q->count > 0 && str_eq(q->addresses[0].address, STR("revoked@example.org")))
		return SENDER_REVOKED;
	for (size_t i = 0; i < q->count; i++)
		if (!is_owned(q->addresses[i].address))
			return SENDER_NOT_OWNED;
	if (h->recipients_left > 0 && q->recipients > h->recipients_left)
		return h->over_limit_hold ? SENDER_HOLD : SENDER_LIMIT;
	return SENDER_OK;
}

static bool check_sender(
    void *ctx, const struct smtp_sender_query *query, enum sender_verdict *verdict)
{
	struct harness *h = ctx;
	if (h->sender_asked)
		broke(h, "a second question about a sender while one is open");
	if (query != h->server.txn.sender_query)
		broke(h, "a question that is not the transaction's");
	h->sender_asked = h->deferred;
	*verdict = judge(h);
	return !h->deferred;
}

static enum smtp_status may_take(void *ctx)
{
	struct harness *h = ctx;
	return h->queue_closed ? STATUS_NO_SPACE : STATUS_NONE;
}

static void give_file(struct harness *h)
{
	h->file_asked = false;
	h->file_open = !h->queue_no_file;
	smtp_server_on_large_file(&h->server, h->queue_no_file ? STATUS_NO_SPACE : STATUS_NONE);
}

static void large_open(void *ctx)
{
	struct harness *h = ctx;
	if (h->file_open || h->file_asked)
		broke(h, "a second file");
	buf_reset(&h->file);
	h->file_asked = true;
	if (!h->deferred)
		give_file(h);
}

static enum smtp_status large_write(void *ctx, struct str octets)
{
	struct harness *h = ctx;
	if (!h->file_open)
		broke(h, "writing without a file");
	if (h->queue_full_disk)
		return STATUS_NO_SPACE;
	buf_append_str(&h->file, octets);
	return STATUS_NONE;
}

static void copy_message(struct harness *h)
{
	const struct transaction *t = &h->server.txn;
	pool_reset(h->pool);
	buf_reset(&h->content);
	buf_append_str(&h->content, t->large ? buf_str(&h->file) : buf_str(&t->body));
	if (t->large && (buf_len(&t->body) > 0 || t->written != buf_len(&h->file)))
		broke(h, "the file is not the message");
	h->envelope = t->envelope;
	pool_copy(h->pool, t->envelope.reverse_path, &h->envelope.reverse_path);
	pool_copy(h->pool, t->envelope.envid, &h->envelope.envid);
	pool_copy(h->pool, t->envelope.helo, &h->envelope.helo);
	h->recipient_count = t->recipient_count;
	h->recipients = pool_array(h->pool, t->recipient_count, sizeof(*h->recipients));
	for (size_t i = 0; i < t->recipient_count; i++) {
		h->recipients[i] = t->recipients[i];
		pool_copy(h->pool, t->recipients[i].address, &h->recipients[i].address);
		pool_copy(h->pool, t->recipients[i].original, &h->recipients[i].original);
		pool_copy(h->pool, t->recipients[i].orcpt, &h->recipients[i].orcpt);
		pool_copy(h->pool, t->recipients[i].nexthop, &h->recipients[i].nexthop);
	}
}

static void store(struct harness *h)
{
	h->submitted = false;
	h->file_open = false;
	if (h->queue_refusal.code != 0) {
		smtp_server_on_not_stored(&h->server, &h->queue_refusal);
		return;
	}
	h->messages++;
	copy_message(h);
	smtp_server_on_stored(&h->server, STR("4KYPsr2x3bc"));
}

static void submit(void *ctx)
{
	struct harness *h = ctx;
	if (h->submitted)
		broke(h, "a second submission while one is open");
	if (h->server.txn.recipient_count == 0)
		broke(h, "a message without recipients");
	h->submitted = true;
	if (!h->deferred)
		store(h);
}

/* What tests/dialogs/README says of logins. */
static unsigned mechanisms(void *ctx)
{
	(void)ctx;
	return AUTH_PLAIN | AUTH_LOGIN | AUTH_SCRAM_SHA_256;
}

static void result(struct harness *h, enum login_verdict verdict, struct str last)
{
	h->auth_open = false;
	smtp_server_on_auth_result(
	    &h->server, verdict, verdict == LOGIN_OK ? STR("ann@example.org") : STR(""), last);
}

static enum login_verdict verdict_of(struct str message)
{
	if (str_eq(message, STR("\0ann\0secret")) || str_eq(message, STR("secret")))
		return LOGIN_OK;
	if (str_eq(message, STR("\0temp\0secret")))
		return LOGIN_TEMPORARY;
	return str_eq(message, STR("\0many\0secret")) ? LOGIN_LIMITED : LOGIN_BAD;
}

/* SCRAM's proof is "secret"; its last word is "v=ok". */
static void give_auth(struct harness *h)
{
	static const char *const words[] = {"", "Username:", "Password:"};
	struct str message = str_from(h->auth_message, h->auth_size);
	bool login = h->auth_mechanism == AUTH_LOGIN, plain = h->auth_mechanism == AUTH_PLAIN;
	unsigned step = h->auth_step + (h->auth_has_message ? 1 : 0);
	h->auth_asked = false;
	h->auth_step = step;
	if (login && step == 1 && message.n == 0) /* no name */
		result(h, LOGIN_BAD, message);
	else if (step == (plain ? 1 : 2))
		result(h, verdict_of(message), plain || login ? STR("") : STR("v=ok"));
	else
		smtp_server_on_auth_challenge(
		    &h->server, str_from_cstr(login ? words[step + 1] : step == 1 ? "first" : ""));
}

static void ask_auth(struct harness *h, const struct str *message)
{
	if (h->auth_asked)
		broke(h, "two questions about one login");
	h->auth_has_message = message != NULL;
	h->auth_size = message == NULL ? 0 : message->n;
	if (h->auth_size > 0)
		memcpy(h->auth_message, message->p, h->auth_size);
	h->auth_asked = true;
	if (!h->deferred)
		give_auth(h);
}

static void auth_begin(void *ctx, unsigned mechanism, const struct str *initial)
{
	struct harness *h = ctx;
	if (h->auth_open)
		broke(h, "a second login while one is open");
	h->auth_open = true;
	h->auth_mechanism = mechanism;
	h->auth_step = 0;
	ask_auth(h, initial);
}

static void auth_respond(void *ctx, struct str message)
{
	struct harness *h = ctx;
	if (!h->auth_open)
		broke(h, "a response without a login");
	ask_auth(h, &message);
}

static void auth_abort(void *ctx)
{
	struct harness *h = ctx;
	if (!h->auth_open || h->auth_asked)
		broke(h, "a login given up that was not the client's turn");
	h->auth_open = false;
}

static void abandon(void *ctx)
{
	struct harness *h = ctx;
	if (!h->file_open && !h->file_asked && !h->rcpt_asked && !h->sender_asked &&
	    !h->submitted && !h->auth_asked)
		broke(h, "abandoned what was not there");
	h->file_open = h->file_asked = h->rcpt_asked = h->sender_asked = h->submitted = false;
	h->auth_asked = h->auth_open = false;
	h->abandoned++;
}

static void on_refusal(void *ctx, const struct smtp_refusal *refusal)
{
	struct harness *h = ctx;
	h->refusals++;
	if (refusal->reply.code < 400)
		broke(h, "a refusal that is none");
}

static const struct smtp_ops ops = {
    .check_rcpt = check_rcpt,
    .check_sender = check_sender,
    .may_take = may_take,
    .large_open = large_open,
    .large_write = large_write,
    .submit = submit,
    .mechanisms = mechanisms,
    .auth_begin = auth_begin,
    .auth_respond = auth_respond,
    .auth_abort = auth_abort,
    .abandon = abandon,
    .on_refusal = on_refusal,
    .now_ms = now_ms,
    .wall_ms = wall_ms,
};

void harness_init(struct harness *h)
{
	memset(h, 0, sizeof(*h));
	h->client = "[192.0.2.1]";
	h->policy = (struct smtp_policy){
	    .hostname = STR("mx.example.org"),
	    .message_max = 50 * 1024 * 1024,
	    .recipients_max = 1000,
	    .bad_commands_max = 10,
	    .commands_per_minute = 1200,
	    .messages_per_session = 1000,
	    .header_max = 256 * 1024,
	    .hops_max = 50,
	    .login_failures_max = 3,
	    .bare_newline_refuse = true,
	    .sender_owned = true,
	    .header_from_owned = true,
	};
	buf_init(&h->out, SIZE_MAX / 2);
	buf_init(&h->replies, SIZE_MAX / 2);
	buf_init(&h->in, SIZE_MAX / 2);
	buf_init(&h->file, SIZE_MAX / 2);
	buf_init(&h->content, SIZE_MAX / 2);
	h->pool = pool_new(SIZE_MAX / 2);
}

static void collect(struct harness *h)
{
	buf_append_str(&h->out, buf_str(&h->replies));
	buf_reset(&h->replies);
}

void harness_start(struct harness *h)
{
	current = h;
	smtp_server_init(&h->server, &h->policy, &ops, h, &h->replies);
	h->server.client = str_from_cstr(h->client);
	h->server.id = STR("4KYPsr2x3bb.1");
	static const struct tls_facts tls;
	h->server.own_network = h->own_network;
	h->server.auth = h->auth;
	h->server.tls = h->tls ? &tls : NULL;
	h->server.submission = h->submission;
	h->server.login = h->login == NULL ? NULL : xstrdup(h->login);
	smtp_server_greet(&h->server);
	collect(h);
}

void harness_free(struct harness *h)
{
	current = h;
	smtp_server_free(&h->server);
	buf_release(&h->out);
	buf_release(&h->replies);
	buf_release(&h->in);
	buf_release(&h->file);
	buf_release(&h->content);
	pool_free(h->pool);
}

static bool give_answer(struct harness *h)
{
	if (h->rcpt_asked) {
		struct smtp_rcpt_answer answer = look_up(h->server.txn.rcpt.address);
		h->rcpt_asked = false;
		smtp_server_on_rcpt(&h->server, &answer);
	} else if (h->sender_asked) {
		h->sender_asked = false;
		smtp_server_on_sender(&h->server, judge(h));
	} else if (h->file_asked) {
		give_file(h);
	} else if (h->auth_asked) {
		give_auth(h);
	} else if (h->submitted) {
		store(h);
	} else {
		return false;
	}
	return true;
}

void harness_feed(struct harness *h, struct str in)
{
	current = h;
	buf_append_str(&h->in, in);
	for (;;) {
		size_t used = smtp_server_feed(&h->server, buf_str(&h->in));
		buf_consume(&h->in, used);
		bool answered = give_answer(h);
		bool said = buf_len(&h->replies) > 0;
		collect(h);
		if (used == 0 && !answered && !said)
			return;
	}
}

const char *harness_check(const struct harness *h)
{
	const struct smtp_server *s = &h->server;
	bool in_transaction =
	    s->state == SMTP_MAIL || s->state == SMTP_RCPT || s->state == SMTP_CHUNKS;
	if (h->broken)
		return h->why;
	if (in_transaction != (s->txn.pool != NULL))
		return "a transaction where there must be none, or none where there must be one";
	if (!in_transaction && (s->txn.recipients != NULL || s->txn.body.p != NULL))
		return "something of a transaction is left over";
	if (s->phase == PHASE_CLOSED && in_transaction)
		return "a transaction in a closed session";
	if ((s->wait != WAIT_NOTHING) != (s->phase == PHASE_WAIT))
		return "wait and phase do not fit";
	if (h->file_open && !s->txn.large && !h->submitted)
		return "a file is left open";
	if (h->auth_open != (s->phase == PHASE_AUTH && !s->auth.last) && s->wait != WAIT_AUTH)
		return "a login is left open";
	if (s->login != NULL && !s->auth.offered && h->login == NULL)
		return "a login where there is none";
	return NULL;
}

const char *harness_check_replies(struct str r)
{
	while (r.n > 0) {
		size_t n = str_find(r, '\n');
		if (n == r.n || n < 4 || r.p[n - 1] != '\r')
			return "a reply without CRLF";
		if (n + 1 > REPLY_LINE_MAX)
			return "a reply line over 512 octets";
		if (strchr("2345", r.p[0]) == NULL || !ascii_is_digit(r.p[1]) ||
		    !ascii_is_digit(r.p[2]) || (r.p[3] != ' ' && r.p[3] != '-'))
			return "a reply line without a code";
		for (size_t i = 0; i < n - 1; i++)
			if (!ascii_is_print(r.p[i]))
				return "an octet in a reply that is not printable";
		r = str_skip(r, n + 1);
	}
	return NULL;
}
