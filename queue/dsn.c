/* SPDX-License-Identifier: ISC
 *
 * The parts of a report: words for people, fields for programs, and what was sent.
 */
#include "queue/dsn.h"
#include "common/header.h"
#include "common/queue-id.h"
#include "common/utf8.h"
#include "queue/dsn-text.h"
#include "queue/notice-header.h"

#include <stdio.h>

enum { BOUNDARY_SIZE = 64 };

/* What is decided before anything is written. */
struct layout {
	const struct dsn *d;
	struct buf *out;
	bool utf8;	  /* the types of RFC 6533 */
	bool whole;	  /* the message comes back whole */
	bool eight_bit;	  /* something is not ASCII */
	struct buf words; /* for people */
	char boundary[BOUNDARY_SIZE];
};

static const char *const actions[] = {
    [DSN_FAILED] = "failed",
    [DSN_DELAYED] = "delayed",
    [DSN_DELIVERED] = "delivered",
    [DSN_RELAYED] = "relayed",
    [DSN_EXPANDED] = "expanded",
};

static bool needs_utf8(const struct dsn *d)
{
	bool ascii = utf8_is_ascii(d->to) && utf8_is_ascii(d->envid);
	for (size_t i = 0; i < d->count && ascii; i++)
		ascii = utf8_is_ascii(d->recipients[i].address) &&
			utf8_is_ascii(d->recipients[i].original) &&
			utf8_is_ascii(d->recipients[i].orcpt);
	return d->smtputf8 || !ascii;
}

/* --- words for people --------------------------------------------------- */

/* A line for each host; the one that decided comes first. */
static bool describe_hosts(struct buf *b, const struct why *why)
{
	struct str said = why->text.n > 0 ? why->text : why->reply;
	bool ok = said.n == 0 || (buf_append_str(b, STR(":\n    ")) && buf_append_str(b, said));
	for (size_t i = 0; i < why->tried_count && ok; i++)
		ok = buf_append_str(b, STR("\n    also tried ")) &&
		     buf_append_str(b, why->tried[i].host) &&
		     (why->tried[i].host.n == 0 || buf_append_str(b, STR(": "))) &&
		     buf_append_str(b, why->tried[i].said);
	return ok;
}

/* Of what was tried more than once. */
static bool describe_tries(struct buf *b, const struct dsn_recipient *r)
{
	char first[HEADER_DATE_SIZE], last[HEADER_DATE_SIZE];
	bool wanted = r->action == DSN_FAILED || r->action == DSN_DELAYED;
	if (!wanted || r->first_attempt == 0 || r->last_attempt == r->first_attempt)
		return true;
	header_date(r->first_attempt, first);
	header_date(r->last_attempt, last);
	return buf_append_str(b, STR("\n    first tried on ")) &&
	       buf_append_str(b, str_from_cstr(first)) &&
	       buf_append_str(b, STR("\n    last tried on ")) &&
	       buf_append_str(b, str_from_cstr(last));
}

static bool describe(struct buf *b, const struct dsn_recipient *r)
{
	bool ok = buf_append_str(b, STR("<")) && buf_append_str(b, r->address) &&
		  buf_append_str(b, STR(">"));
	if (ok && !str_eq(r->address, r->original) && r->original.n > 0)
		ok = buf_append_str(b, STR(" (from <")) && buf_append_str(b, r->original) &&
		     buf_append_str(b, STR(">)"));
	if (ok && r->action == DSN_EXPANDED)
		ok = buf_append_str(b, STR(": passed on to several addresses"));
	return ok && describe_hosts(b, &r->why) && describe_tries(b, r) &&
	       buf_append_str(b, STR("\n"));
}

static struct str returned(const struct layout *l)
{
	if (l->d->content.n == 0)
		return STR("The message itself could not be read any more.");
	if (l->whole)
		return STR("The message is attached.");
	return STR("The header of the message is attached.");
}

static bool put_words(struct layout *l)
{
	const struct dsn *d = l->d;
	struct buf list = BUF_INIT(DSN_OVERHEAD_MAX);
	char arrival[HEADER_DATE_SIZE], until[HEADER_DATE_SIZE], id[QUEUE_ID_SIZE];
	bool ok = true;
	for (size_t i = 0; i < d->count && ok; i++)
		ok = describe(&list, &d->recipients[i]);
	header_date(d->arrival, arrival);
	header_date(d->until, until);
	queue_id_format(d->about, id);
	const struct str words[TEMPLATE_WORD_COUNT] = {
	    [TEMPLATE_HOSTNAME] = d->hostname,
	    [TEMPLATE_POSTMASTER] = d->postmaster,
	    [TEMPLATE_SENDER] = d->sender,
	    [TEMPLATE_RECIPIENTS] = buf_str(&list),
	    [TEMPLATE_ARRIVAL] = str_from_cstr(arrival),
	    [TEMPLATE_ID] = str_from_cstr(id),
	    [TEMPLATE_UNTIL] = str_from_cstr(until),
	    [TEMPLATE_RETURNED] = returned(l),
	};
	struct buf text = BUF_INIT(DSN_OVERHEAD_MAX);
	ok = ok && template_expand(d->text, words, &text) &&
	     dsn_text_paragraphs(&l->words, buf_str(&text));
	buf_release(&text);
	buf_release(&list);
	return ok;
}

/* --- the header --------------------------------------------------------- */

static bool contains(struct str s, const char *what)
{
	return s.n > 0 && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* One that is in none of the parts; what programs write cannot hold it. */
static void choose_boundary(struct layout *l)
{
	char id[QUEUE_ID_SIZE];
	queue_id_format(l->d->id, id);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(l->boundary, sizeof(l->boundary), "=_%s.%u.report", id, i);
		if (!contains(l->d->content, l->boundary) &&
		    !contains(buf_str(&l->words), l->boundary))
			return;
	}
	l->d = NULL;
}

/* RFC 3834 §3.1.5; so that the notice stands beside the message in the sender's mailbox. */
static bool put_references(struct layout *l)
{
	struct str rest = l->d->content;
	struct header_field f;
	while (header_next(&rest, &f)) {
		if (!str_caseeq(f.name, STR("Message-ID")))
			continue;
		size_t from = str_find(f.value, '<');
		struct str id = str_skip(f.value, from);
		id = str_head(id, str_find(id, '>') + 1);
		bool clean = id.n > 2 && id.n < 500 && utf8_is_ascii(id) && id.p[id.n - 1] == '>' &&
			     str_find(id, '\n') == id.n;
		return !clean || dsn_text_field(l->out, "References", "", id, false);
	}
	return true;
}

static bool put_header(struct layout *l)
{
	const struct dsn *d = l->d;
	struct buf *out = l->out;
	const struct notice_header h = {.hostname = d->hostname,
	    .to = d->to,
	    .subject = template_subject(d->text),
	    .id = d->id,
	    .now = d->now,
	    .utf8 = l->utf8};
	return notice_header_put(out, &h) && put_references(l) &&
	       buf_printf(out,
		   "Auto-Submitted: auto-replied\r\n"
		   "%sMIME-Version: 1.0\r\n"
		   "Content-Type: multipart/report; report-type=%s;\r\n"
		   "\tboundary=\"%s\"\r\n"
		   "Content-Transfer-Encoding: %s\r\n"
		   "\r\n"
		   "This is a report in several parts (MIME, RFC 6522).\r\n",
		   d->tls_optional ? "TLS-Required: No\r\n" : "",
		   l->utf8 ? "global-delivery-status" : "delivery-status", l->boundary,
		   l->eight_bit ? "8bit" : "7bit");
}

/* --- parts -------------------------------------------------------------- */

static bool put_part(struct layout *l, const char *description, const char *type, bool eight_bit)
{
	return buf_printf(l->out,
	    "\r\n--%s\r\n"
	    "Content-Description: %s\r\n"
	    "Content-Type: %s\r\n"
	    "Content-Transfer-Encoding: %s\r\n"
	    "\r\n",
	    l->boundary, description, type, eight_bit ? "8bit" : "7bit");
}

static bool put_notice(struct layout *l)
{
	bool ascii = utf8_is_ascii(buf_str(&l->words));
	return put_part(l, "Notice",
		   ascii ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8", !ascii) &&
	       buf_append_str(l->out, buf_str(&l->words));
}

/* "type; address", RFC 3464 §2.3.1; ORCPT has no blank in it. */
static bool put_original(struct layout *l, const struct dsn_recipient *r)
{
	size_t semicolon = str_find(r->orcpt, ';');
	char type[32];
	if (semicolon < r->orcpt.n && semicolon > 0 && semicolon < sizeof(type) - 2) {
		snprintf(type, sizeof(type), "%.*s; ", STR_ARG(str_head(r->orcpt, semicolon)));
		for (char *p = type; *p != '\0'; p++)
			if (!ascii_is_alnum(*p) && strchr("-; ", *p) == NULL)
				*p = '?';
		return dsn_text_field(
		    l->out, "Original-Recipient", type, str_skip(r->orcpt, semicolon + 1), l->utf8);
	}
	if (r->original.n == 0 || str_eq(r->original, r->address))
		return true;
	return dsn_text_field(l->out, "Original-Recipient",
	    utf8_is_ascii(r->original) ? "rfc822; " : "utf-8; ", r->original, l->utf8);
}

static bool put_time(struct layout *l, const char *name, uint64_t ms)
{
	char text[HEADER_DATE_SIZE];
	header_date(ms, text);
	return dsn_text_field(l->out, name, "", str_from_cstr(text), false);
}

/* RFC 3463: what is reported as delivered, relayed or expanded has class 2, and so on. */
static struct str status_of(const struct dsn_recipient *r)
{
	static const struct {
		char class;
		struct str otherwise;
	} rows[] = {
	    [DSN_FAILED] = {'5', {"5.0.0", 5}},
	    [DSN_DELAYED] = {'4', {"4.0.0", 5}},
	    [DSN_DELIVERED] = {'2', {"2.0.0", 5}},
	    [DSN_RELAYED] = {'2', {"2.0.0", 5}},
	    [DSN_EXPANDED] = {'2', {"2.0.0", 5}},
	};
	struct str status = r->why.status;
	bool expired = r->action == DSN_FAILED && str_eq(status, STR("4.4.7"));
	bool fits = status.n >= 5 && status.p[0] == rows[r->action].class;
	return fits || expired ? status : rows[r->action].otherwise;
}

static bool put_recipient(struct layout *l, const struct dsn_recipient *r)
{
	struct buf *out = l->out;
	bool smtp = r->why.reply.n > 0;
	return buf_append_str(out, STR("\r\n")) && put_original(l, r) &&
	       dsn_text_field(out, "Final-Recipient",
		   utf8_is_ascii(r->address) ? "rfc822; " : "utf-8; ", r->address, l->utf8) &&
	       dsn_text_field(out, "Action", "", str_from_cstr(actions[r->action]), false) &&
	       dsn_text_field(out, "Status", "", status_of(r), false) &&
	       dsn_text_field(out, "Remote-MTA", "dns; ", r->why.mta, l->utf8) &&
	       dsn_text_field(out, "Diagnostic-Code", smtp ? "smtp; " : "x-postern; ",
		   smtp ? r->why.reply : r->why.text, l->utf8) &&
	       (r->last_attempt == 0 || put_time(l, "Last-Attempt-Date", r->last_attempt)) &&
	       (r->action != DSN_DELAYED || put_time(l, "Will-Retry-Until", l->d->until));
}

static bool put_status(struct layout *l)
{
	const struct dsn *d = l->d;
	char id[QUEUE_ID_SIZE];
	queue_id_format(d->about, id);
	bool ok =
	    put_part(l, "Delivery status",
		l->utf8 ? "message/global-delivery-status" : "message/delivery-status", l->utf8) &&
	    dsn_text_field(l->out, "Original-Envelope-Id", "", d->envid, l->utf8) &&
	    dsn_text_field(l->out, "Reporting-MTA", "dns; ", d->hostname, l->utf8) &&
	    dsn_text_field(l->out, "X-Postern-Queue-Id", "", str_from_cstr(id), false) &&
	    put_time(l, "Arrival-Date", d->arrival);
	for (size_t i = 0; i < d->count && ok; i++)
		ok = put_recipient(l, &d->recipients[i]);
	return ok;
}

static bool put_returned(struct layout *l)
{
	struct str content = l->d->content;
	if (content.n == 0)
		return true;
	bool eight_bit =
	    !utf8_is_ascii(l->whole ? content : str_head(content, header_length(content)));
	if (l->whole)
		return put_part(l, "Undelivered message",
			   l->utf8 ? "message/global" : "message/rfc822", eight_bit) &&
		       buf_append_str(l->out, content);
	return put_part(l, "Header of the message",
		   l->utf8 ? "message/global-headers" : "text/rfc822-headers", eight_bit) &&
	       dsn_text_header(l->out, content);
}

/* --- the whole ---------------------------------------------------------- */

static void decide(struct layout *l)
{
	const struct dsn *d = l->d;
	l->utf8 = needs_utf8(d);
	l->whole = d->whole && dsn_text_is_sound(d->content);
}

bool dsn_put(const struct dsn *d, struct buf *out, uint16_t *flags)
{
	struct layout l = {.d = d, .out = out, .words = BUF_INIT(DSN_OVERHEAD_MAX)};
	decide(&l);
	bool ok = put_words(&l);
	l.eight_bit = l.utf8 || !utf8_is_ascii(buf_str(&l.words)) || !utf8_is_ascii(d->content);
	choose_boundary(&l);
	ok = ok && l.d != NULL && put_header(&l) && put_notice(&l) && put_status(&l) &&
	     put_returned(&l) && buf_printf(out, "\r\n--%s--\r\n", l.boundary);
	buf_release(&l.words);
	*flags =
	    (uint16_t)((l.eight_bit ? ENVELOPE_8BITMIME : 0) | (l.utf8 ? ENVELOPE_SMTPUTF8 : 0));
	return ok;
}
