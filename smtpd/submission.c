/* SPDX-License-Identifier: ISC
 *
 * Invariant: what directory is asked about lives in the transaction's pool. Who has not
 * logged in is asked about only on a listener for submission, for the limits' sake.
 */
#include "smtpd/submission.h"
#include "common/address-list.h"
#include "common/header.h"
#include "common/submission-header.h"
#include "smtpd/smtp-internal.h"

#include <stdio.h>

enum { UNIQUE_SIZE = SESSION_ID_MAX + 48 };

bool submission_applies(const struct smtp_server *s)
{
	return s->submission || s->login != NULL;
}

static struct str login_of(const struct smtp_server *s)
{
	return s->login == NULL ? (struct str){NULL, 0} : str_from_cstr(s->login);
}

/* --- asking ------------------------------------------------------------- */

static bool ask(struct smtp_server *s, enum smtp_status *status)
{
	enum sender_verdict verdict;
	if (!s->ops->check_sender(s->ctx, s->txn.sender_query, &verdict)) {
		smtp_wait(s, WAIT_SENDER, s->phase);
		return true;
	}
	*status = submission_decide(s, verdict);
	return false;
}

static bool add_address(struct smtp_server *s, struct str canonical)
{
	struct smtp_sender_query *q = s->txn.sender_query;
	for (size_t i = 0; i < q->count; i++)
		if (str_eq(q->addresses[i].address, canonical))
			return true;
	if (q->count == SENDER_ADDRESSES_MAX)
		return false;
	q->addresses[q->count++].address = canonical;
	return true;
}

static bool begin_query(struct smtp_server *s, size_t recipients)
{
	struct smtp_sender_query *q = s->txn.sender_query;
	if (q == NULL)
		q = s->txn.sender_query = pool_alloc(s->txn.pool, sizeof(*q));
	if (q == NULL)
		return false;
	*q = (struct smtp_sender_query){
	    .login = login_of(s), .client = s->client, .recipients = (uint32_t)recipients};
	return true;
}

/* The null reverse-path is anybody's: reports and automatic replies have it. */
bool submission_check_sender(struct smtp_server *s, enum smtp_status *status)
{
	struct str path = s->txn.envelope.reverse_path;
	*status = STATUS_NONE;
	if (s->login == NULL || !s->policy->sender_owned || path.n == 0)
		return false;
	if (!begin_query(s, 0)) {
		*status = STATUS_LOCAL_ERROR;
		return false;
	}
	add_address(s, path);
	return ask(s, status);
}

static void hold_recipients(struct smtp_server *s)
{
	for (size_t i = 0; i < s->txn.recipient_count; i++)
		if (s->txn.recipients[i].transport == TRANSPORT_LOCAL ||
		    s->txn.recipients[i].transport == TRANSPORT_REMOTE)
			s->txn.recipients[i].transport = TRANSPORT_HOLD;
}

enum smtp_status submission_decide(struct smtp_server *s, enum sender_verdict verdict)
{
	bool in_mail = s->txn.sender_query->recipients == 0;
	switch (verdict) {
	case SENDER_OK:
		return STATUS_NONE;
	case SENDER_HOLD:
		hold_recipients(s);
		return STATUS_NONE;
	case SENDER_NOT_OWNED:
		return in_mail ? STATUS_SENDER_NOT_OWNED : STATUS_FROM_NOT_OWNED;
	case SENDER_LIMIT:
		return STATUS_OVER_LIMIT;
	case SENDER_REVOKED:
		return STATUS_LOGIN_REVOKED;
	case SENDER_TEMPORARY:
		break;
	}
	return STATUS_NO_DIRECTORY;
}

bool submission_conclude(struct smtp_server *s, enum smtp_status status)
{
	const struct smtp_sender_query *q = s->txn.sender_query;
	char text[REPLY_LINE_MAX];
	if ((status != STATUS_SENDER_NOT_OWNED && status != STATUS_FROM_NOT_OWNED) || q == NULL ||
	    q->count != 1)
		return false;
	struct reply reply = *reply_of(status);
	const struct str address = str_head(q->addresses[0].address, ADDRESS_MAX);
	int n = snprintf(text, sizeof(text), "%.*s: <%.*s>", STR_ARG(reply.text), STR_ARG(address));
	reply.text = str_from(text, (size_t)n);
	smtp_conclude_reply(s, &reply);
	return true;
}

/* --- the header --------------------------------------------------------- */

static struct str domain_of(struct str address)
{
	return str_skip(address, str_rfind(address, '@') + 1);
}

/* Replaces the header in the body's buffer by `header`; what follows it begins at `end`. */
static bool replace_header(struct transaction *t, struct str header, size_t end)
{
	struct buf body;
	struct str old = buf_str(&t->body);
	buf_init(&body, t->body.max);
	bool ok = buf_append_str(&body, str_head(old, t->trace)) && buf_append_str(&body, header) &&
		  buf_append_str(&body, str_skip(old, end));
	if (!ok) {
		buf_release(&body);
		return false;
	}
	buf_release(&t->body);
	t->body = body;
	return true;
}

static enum smtp_status complete(struct smtp_server *s)
{
	struct transaction *t = &s->txn;
	char unique[UNIQUE_SIZE];
	struct submission_fault fault;
	struct buf header = BUF_INIT(COMPLETED_HEADER_MAX);
	size_t used = 0;
	struct str sender = t->envelope.reverse_path.n > 0 ? t->envelope.reverse_path : login_of(s);
	int n = snprintf(unique, sizeof(unique), "%llx.%.*s.%x",
	    (unsigned long long)t->envelope.arrival, (int)s->id.n, s->id.n > 0 ? s->id.p : "",
	    s->mails);
	const struct submission submission = {
	    .origin = sender.n > 0 ? domain_of(sender) : s->policy->hostname,
	    .sender = sender,
	    .unique = str_from(unique, (size_t)n),
	    .now_ms = t->envelope.arrival,
	};
	bool ok = submission_header(
		      &submission, str_skip(buf_str(&t->body), t->trace), &header, &used, &fault) &&
		  replace_header(t, buf_str(&header), t->trace + used);
	buf_release(&header);
	return ok ? STATUS_NONE : STATUS_HEADER_TOO_BIG;
}

/* --- whose it is -------------------------------------------------------- */

static enum smtp_status add_listed(struct smtp_server *s, struct str text)
{
	struct address a;
	struct str canonical, copy;
	if (!pool_copy(s->txn.pool, text, &copy))
		return STATUS_HEADER_TOO_BIG;
	if (address_parse(copy, true, &a) != ADDRESS_OK ||
	    !address_canonical(&a, s->txn.pool, &canonical))
		return STATUS_BAD_FROM;
	return add_address(s, canonical) ? STATUS_NONE : STATUS_FROM_NOT_OWNED;
}

/* A field without an address ("", "boss@example.org <>", a group of nobody) shows a name that nobody
 * answers for. */
static enum smtp_status add_field(struct smtp_server *s, struct str value)
{
	struct address_list list;
	struct address_list_item item;
	enum smtp_status status = STATUS_NONE;
	bool any = false;
	address_list_init(&list, value);
	while (status == STATUS_NONE && address_list_next(&list, &item)) {
		status = add_listed(s, item.address);
		any = true;
	}
	if (status == STATUS_NONE && (list.fault != NULL || !any))
		status = STATUS_BAD_FROM;
	address_list_release(&list);
	return status;
}

/* Every From, and of a message sent on every Resent-From: readers show the one or the other. */
static enum smtp_status collect_from(struct smtp_server *s)
{
	struct str rest = str_skip(buf_str(&s->txn.body), s->txn.trace);
	struct header_field f;
	enum smtp_status status = STATUS_NONE;
	while (status == STATUS_NONE && header_next(&rest, &f))
		if (str_caseeq(f.name, STR("from")) || str_caseeq(f.name, STR("resent-from")))
			status = add_field(s, f.value);
	return status;
}

bool submission_take_header(struct smtp_server *s, enum smtp_status *status)
{
	*status = s->submission ? complete(s) : STATUS_NONE;
	if (*status == STATUS_NONE && !begin_query(s, s->txn.recipient_count))
		*status = STATUS_LOCAL_ERROR;
	if (*status == STATUS_NONE && s->login != NULL && s->policy->header_from_owned)
		*status = collect_from(s);
	return *status == STATUS_NONE && ask(s, status);
}
