/* SPDX-License-Identifier: ISC
 *
 * RCPT: RFC 5321 §4.1.1.3 with the parameters of DSN (RFC 3461 §4.1, §4.2). Who the
 * recipient is, directory knows; whether we relay, is decided here and nowhere
 * else.
 */
#include "common/utf8.h"
#include "smtpd/parameter.h"
#include "smtpd/smtp-internal.h"

static enum smtp_status take_notify(struct smtp_server *s, struct str value)
{
	static const struct {
		struct str word;
		uint8_t bit;
	} words[] = {{{"NEVER", 5}, NOTIFY_NEVER}, {{"SUCCESS", 7}, NOTIFY_SUCCESS},
	    {{"FAILURE", 7}, NOTIFY_FAILURE}, {{"DELAY", 5}, NOTIFY_DELAY}};
	enum { WORDS = sizeof(words) / sizeof(words[0]) };
	uint8_t mask = 0;
	for (;;) {
		struct str word = str_head(value, str_find(value, ','));
		size_t i = 0;
		while (i < WORDS && !str_caseeq(word, words[i].word))
			i++;
		if (i == WORDS)
			return STATUS_BAD_PARAMETER;
		mask |= words[i].bit;
		if (word.n == value.n)
			break;
		value = str_skip(value, word.n + 1);
	}
	if ((mask & NOTIFY_NEVER) && mask != NOTIFY_NEVER)
		return STATUS_BAD_PARAMETER;
	s->txn.rcpt.notify = mask;
	return STATUS_NONE;
}

/* RFC 3461 §4.2: type ";" xtext. The text of type utf-8 has an encoding of its own (RFC 6533 §3)
 * and stays as it is; its octets above 127 need a transaction with SMTPUTF8. */
static bool decode_orcpt(struct smtp_server *s, struct str type, struct str text, struct str *out)
{
	if (!str_caseeq(type, STR("utf-8")))
		return xtext_decode(text, s->txn.pool, out);
	bool utf8 = (s->txn.envelope.flags & ENVELOPE_SMTPUTF8) != 0;
	return (utf8 || utf8_is_ascii(text)) && pool_copy(s->txn.pool, text, out);
}

static bool is_atom(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n > 0;
}

static enum smtp_status take_orcpt(struct smtp_server *s, struct str value)
{
	size_t semicolon = str_find(value, ';');
	struct str type = str_head(value, semicolon);
	struct str text = str_skip(value, semicolon + 1);
	struct str decoded;
	if (value.n > ORCPT_MAX || !is_atom(type) || text.n == 0 ||
	    !decode_orcpt(s, type, text, &decoded) || !parameter_is_text(decoded))
		return STATUS_BAD_PARAMETER;
	size_t n = type.n + 1 + decoded.n;
	char *p = pool_alloc(s->txn.pool, n);
	if (p == NULL)
		return STATUS_TOO_MANY_RCPTS;
	memcpy(p, value.p, type.n + 1);
	memcpy(p + type.n + 1, decoded.p, decoded.n);
	s->txn.rcpt.orcpt = str_from(p, n);
	return STATUS_NONE;
}

static const struct parameter parameters[] = {
    {{"NOTIFY", 6}, true, take_notify},
    {{"ORCPT", 5}, true, take_orcpt},
};

/* "local-part@domain" as written. */
static bool as_given(struct pool *pool, const struct address *a, struct str *out)
{
	size_t n = a->local_part.n + 1 + a->domain.n;
	char *p = pool_alloc(pool, n);
	if (p == NULL)
		return false;
	memcpy(p, a->local_part.p, a->local_part.n);
	p[a->local_part.n] = '@';
	memcpy(p + a->local_part.n + 1, a->domain.p, a->domain.n);
	*out = str_from(p, n);
	return true;
}

/* Sets s->txn.rcpt up; <postmaster> alone is the operator's, or that of our host name. */
static bool read_address(struct smtp_server *s, struct address address)
{
	struct transaction *t = &s->txn;
	t->rcpt.is_postmaster = address.domain.n == 0;
	if (t->rcpt.is_postmaster) {
		address.local_part = STR("postmaster");
		address.domain = s->policy->hostname;
	}
	if (!as_given(t->pool, &address, &t->rcpt.original))
		return false;
	t->rcpt.address = s->policy->postmaster;
	if (t->rcpt.is_postmaster && t->rcpt.address.n > 0)
		return true;
	return address_canonical(&address, t->pool, &t->rcpt.address);
}

enum smtp_status verb_rcpt(struct smtp_server *s, const struct argument *a)
{
	struct transaction *t = &s->txn;
	struct smtp_rcpt_answer answer = {0};
	if (!read_address(s, a->address))
		return STATUS_TOO_MANY_RCPTS;
	/* RFC 6531 §3.5 */
	if (a->address.is_utf8 && !(t->envelope.flags & ENVELOPE_SMTPUTF8))
		return STATUS_NEEDS_UTF8;
	enum smtp_status status =
	    parameter_take_all(parameters, sizeof(parameters) / sizeof(parameters[0]), s, a->text);
	if (status != STATUS_NONE)
		return status;
	if (t->rcpt_count >= s->policy->recipients_max)
		return STATUS_TOO_MANY_RCPTS;
	if (s->ops->check_rcpt(s->ctx, t->rcpt.address, &answer))
		return smtp_rcpt_decide(s, &answer);
	smtp_wait(s, WAIT_RCPT, PHASE_COMMAND);
	return STATUS_NONE;
}

static bool add(struct transaction *t, struct str address, struct str nexthop, uint8_t transport)
{
	struct recipient r = {
	    .original = t->rcpt.original,
	    .orcpt = t->rcpt.orcpt,
	    .notify = t->rcpt.notify,
	    .transport = transport,
	};
	return pool_copy(t->pool, address, &r.address) && pool_copy(t->pool, nexthop, &r.nexthop) &&
	       transaction_add(t, &r);
}

/* Either all of what an address stands for, or nothing of it. */
static enum smtp_status add_targets(struct smtp_server *s, const struct smtp_rcpt_answer *answer)
{
	struct transaction *t = &s->txn;
	size_t before = t->recipient_count;
	bool ok = answer->target_count > 0;
	for (size_t i = 0; ok && i < answer->target_count; i++) {
		const struct target *target = &answer->targets[i];
		ok = add(t, target->address, target->nexthop, target->transport);
	}
	if (ok)
		return STATUS_RCPT_OK;
	transaction_cut(t, before);
	return answer->target_count == 0 ? STATUS_LOCAL_ERROR : STATUS_TOO_MANY_RCPTS;
}

/* Where it goes is directory's word; whether we take it is ours. */
static enum smtp_status add_remote(struct smtp_server *s, const struct smtp_rcpt_answer *answer)
{
	if (!s->own_network && !s->may_relay && s->login == NULL && !s->txn.rcpt.is_postmaster)
		return STATUS_RELAY_DENIED;
	return add_targets(s, answer);
}

/* An enhanced code of a permanent failure in front of the operator's words is taken off them. */
static struct str take_code(struct str *text)
{
	size_t n = str_find(*text, ' ');
	struct str code = str_head(*text, n);
	if (code.n == 0 || !reply_is_valid(550, code))
		return (struct str){NULL, 0};
	*text = str_trim(str_skip(*text, n));
	return code;
}

/* Replies itself when the operator has words of his own for it. */
static enum smtp_status refuse(struct smtp_server *s, struct str text)
{
	struct reply reply = *reply_of(STATUS_RCPT_REFUSED);
	struct str code = take_code(&text);
	if (text.n == 0 && code.n == 0)
		return STATUS_RCPT_REFUSED;
	if (code.n > 0)
		reply.enhanced = code;
	if (text.n > 0)
		reply.text = text;
	smtp_conclude_reply(s, &reply);
	return STATUS_NONE;
}

static enum smtp_status decide(struct smtp_server *s, const struct smtp_rcpt_answer *answer)
{
	switch (answer->verdict) {
	case RCPT_LOCAL:
		return add_targets(s, answer);
	case RCPT_NOT_OURS:
		return add_remote(s, answer);
	case RCPT_NO_MAILBOX:
		return STATUS_USER_UNKNOWN;
	case RCPT_REFUSED:
		return refuse(s, answer->text);
	case RCPT_TEMPORARY:
		break;
	}
	return STATUS_NO_DIRECTORY;
}

enum smtp_status smtp_rcpt_decide(struct smtp_server *s, const struct smtp_rcpt_answer *answer)
{
	struct transaction *t = &s->txn;
	enum smtp_status status = decide(s, answer);
	if (status == STATUS_RCPT_OK) {
		if (t->rcpt_count++ == 0)
			t->first_rcpt = t->rcpt.original;
		smtp_set_state(s, SMTP_RCPT);
	}
	return status;
}
