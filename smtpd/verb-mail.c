/* SPDX-License-Identifier: ISC
 *
 * MAIL: RFC 5321 §4.1.1.2 with the parameters of SIZE (RFC 1870), 8BITMIME (RFC
 * 6152), SMTPUTF8 (RFC 6531), DSN (RFC 3461), REQUIRETLS (RFC 8689) and AUTH (RFC 4954). It makes
 * the transaction, or leaves none.
 */
#include "smtpd/parameter.h"
#include "smtpd/smtp-internal.h"
#include "smtpd/submission.h"

static enum smtp_status take_size(struct smtp_server *s, struct str value)
{
	if (!str_parse_u64(value, UINT64_MAX, &s->txn.size_declared))
		return STATUS_BAD_PARAMETER;
	return s->txn.size_declared > s->policy->message_max ? STATUS_TOO_BIG : STATUS_NONE;
}

static enum smtp_status take_body(struct smtp_server *s, struct str value)
{
	if (str_caseeq(value, STR("BINARYMIME")))
		return STATUS_NO_BINARYMIME;
	if (str_caseeq(value, STR("7BIT")))
		return STATUS_NONE;
	if (!str_caseeq(value, STR("8BITMIME")))
		return STATUS_BAD_PARAMETER;
	s->txn.envelope.flags |= ENVELOPE_8BITMIME;
	return STATUS_NONE;
}

static enum smtp_status take_smtputf8(struct smtp_server *s, struct str value)
{
	(void)value;
	s->txn.envelope.flags |= ENVELOPE_SMTPUTF8;
	return STATUS_NONE;
}

static enum smtp_status take_ret(struct smtp_server *s, struct str value)
{
	if (str_caseeq(value, STR("FULL")))
		s->txn.envelope.ret = RET_FULL;
	else if (str_caseeq(value, STR("HDRS")))
		s->txn.envelope.ret = RET_HDRS;
	else
		return STATUS_BAD_PARAMETER;
	return STATUS_NONE;
}

/* RFC 3461 §4.4: xtext of printable ASCII, at most 100 octets before decoding. */
static enum smtp_status take_envid(struct smtp_server *s, struct str value)
{
	struct str *envid = &s->txn.envelope.envid;
	if (value.n > ENVID_MAX || !xtext_decode(value, s->txn.pool, envid))
		return STATUS_BAD_PARAMETER;
	for (size_t i = 0; i < envid->n; i++)
		if (!ascii_is_print(envid->p[i]))
			return STATUS_BAD_PARAMETER;
	return STATUS_NONE;
}

/* RFC 8689 §2: only under TLS, as it is only offered there. */
static enum smtp_status take_requiretls(struct smtp_server *s, struct str value)
{
	(void)value;
	if (s->tls == NULL)
		return STATUS_UNKNOWN_PARAMETER;
	s->txn.envelope.flags |= ENVELOPE_REQUIRETLS;
	return STATUS_NONE;
}

/* RFC 4954 §5: who a client that relays for others says the author is, or <>. Nobody here asks. */
static enum smtp_status take_auth(struct smtp_server *s, struct str value)
{
	struct str mailbox;
	if (smtp_auth_mechanisms(s) == 0)
		return STATUS_UNKNOWN_PARAMETER;
	if (str_eq(value, STR("<>")) ||
	    (value.n <= ORCPT_MAX && xtext_decode(value, s->txn.pool, &mailbox)))
		return STATUS_NONE;
	return STATUS_BAD_PARAMETER;
}

static const struct parameter parameters[] = {
    {{"SIZE", 4}, true, take_size},
    {{"BODY", 4}, true, take_body},
    {{"SMTPUTF8", 8}, false, take_smtputf8},
    {{"RET", 3}, true, take_ret},
    {{"ENVID", 5}, true, take_envid},
    {{"REQUIRETLS", 10}, false, take_requiretls},
    {{"AUTH", 4}, true, take_auth},
};

static bool fill_envelope(struct smtp_server *s, const struct address *sender)
{
	struct transaction *t = &s->txn;
	t->envelope.client = s->client;
	t->envelope.session = s->id;
	t->envelope.login = str_from_cstr(s->login);
	return pool_copy(t->pool, str_from_cstr(s->helo), &t->envelope.helo) &&
	       address_canonical(sender, t->pool, &t->envelope.reverse_path);
}

static enum smtp_status begin(struct smtp_server *s, const struct argument *a)
{
	transaction_begin(&s->txn);
	if (!fill_envelope(s, &a->address))
		return STATUS_LOCAL_ERROR;
	enum smtp_status status =
	    parameter_take_all(parameters, sizeof(parameters) / sizeof(parameters[0]), s, a->text);
	if (status != STATUS_NONE)
		return status;
	/* RFC 6531 §3.5 */
	bool declared = s->txn.envelope.flags & ENVELOPE_SMTPUTF8;
	return a->address.is_utf8 && !declared ? STATUS_NEEDS_UTF8 : STATUS_NONE;
}

enum smtp_status smtp_mail_decide(struct smtp_server *s, enum smtp_status status)
{
	if (status != STATUS_NONE)
		return status;
	smtp_set_state(s, SMTP_MAIL);
	return STATUS_SENDER_OK;
}

enum smtp_status verb_mail(struct smtp_server *s, const struct argument *a)
{
	if (s->tls_required && s->tls == NULL)
		return STATUS_TLS_FIRST;
	if (s->auth.required && s->login == NULL)
		return STATUS_AUTH_REQUIRED;
	if (!s->own_network && s->mails >= s->policy->messages_per_session)
		return STATUS_TOO_MANY_MAILS;
	s->mails++;
	enum smtp_status status = s->ops->may_take(s->ctx);
	if (status == STATUS_NONE)
		status = begin(s, a);
	if (status == STATUS_NONE && submission_check_sender(s, &status))
		return STATUS_NONE;
	return smtp_mail_decide(s, status);
}
