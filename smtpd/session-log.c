/* SPDX-License-Identifier: ISC
 *
 * Everything that a client chose goes through log_note and log_str, which escape.
 */
#include "smtpd/session-log.h"
#include "common/client-name.h"
#include "common/log.h"

/* One line is built at a time. */
static struct buf *begin(void)
{
	static struct buf text = BUF_INIT(LOG_LINE_MAX);
	buf_reset(&text);
	return &text;
}

/* With the session, so that all its lines can be found; NULL: there is none. */
static void write_note(const struct session *s, struct str id, const struct buf *text)
{
	struct log_event ev;
	log_begin(&ev, LOG_INFO, id);
	log_note(&ev, buf_str(text));
	if (s != NULL)
		log_str(&ev, "session", s->smtp.id);
	log_end(&ev);
}

void session_log_connect(const struct session *s)
{
	struct buf *b = begin();
	buf_append_str(b, STR("connect from "));
	client_name_put(b, s->smtp.client);
	write_note(s, (struct str){NULL, 0}, b);
}

/* Postfix has an adjective for the peer: no certificate, or one that nobody has looked at. */
void session_log_tls(const struct session *s)
{
	const struct tls_facts *f = s->facts;
	struct buf *b = begin();
	buf_printf(b, "%s TLS connection %s from ", f->has_peer ? "Untrusted" : "Anonymous",
	    f->resumed ? "reused" : "established");
	client_name_put(b, s->smtp.client);
	buf_printf(b, ": %s with cipher %s (%u/%u bits)", f->version, f->cipher, f->bits, f->bits);
	if (f->server_name[0] != '\0')
		buf_printf(b, " to SNI %s", f->server_name);
	write_note(s, (struct str){NULL, 0}, b);
}

void session_log_tls_failure(const struct session *s, const char *why)
{
	struct buf *b = begin();
	buf_append_str(b, STR("TLS handshake failed from "));
	client_name_put(b, s->smtp.client);
	buf_printf(b, ": %s", why);
	write_note(s, (struct str){NULL, 0}, b);
}

static void put_counts(struct buf *b, const char *name, const struct smtp_counts *c)
{
	char lower[VERB_NAME_MAX + 1];
	size_t n = 0;
	while (n < VERB_NAME_MAX && name[n] != '\0') {
		lower[n] = ascii_lower(name[n]);
		n++;
	}
	lower[n] = '\0';
	if (c->ok == c->all)
		buf_printf(b, " %s=%u", lower, c->all);
	else
		buf_printf(b, " %s=%u/%u", lower, c->ok, c->all);
}

void session_log_disconnect(const struct session *s)
{
	unsigned ok = 0, all = s->smtp.unknown;
	struct buf *b = begin();
	buf_append_str(b, STR("disconnect from "));
	client_name_put(b, s->smtp.client);
	for (size_t i = 0; i < verb_count && (verbs[i].flags & VERB_LISTED); i++) {
		const struct smtp_counts *c = &s->smtp.counts[i];
		if (c->all > 0)
			put_counts(b, verbs[i].name, c);
		ok += c->ok;
		all += c->all;
	}
	if (s->smtp.unknown > 0)
		buf_printf(b, " unknown=0/%u", s->smtp.unknown);
	if (ok == all)
		buf_printf(b, " commands=%u", all);
	else
		buf_printf(b, " commands=%u/%u", ok, all);
	write_note(s, (struct str){NULL, 0}, b);
}

static const char *verb_name(const struct session *s)
{
	if (s->smtp.phase == PHASE_DATA)
		return "DATA";
	return s->smtp.verb == NULL ? (s->smtp.helo == NULL ? "CONNECT" : "UNKNOWN")
				    : s->smtp.verb->name;
}

void session_log_event(const struct session *s, const char *what)
{
	struct buf *b = begin();
	buf_printf(b, "%s after %s from ", what, verb_name(s));
	client_name_put(b, s->smtp.client);
	write_note(s, (struct str){NULL, 0}, b);
}

/* Mail that was refused, and sessions that were ended; not each command that was mistyped. */
static bool is_worth_a_line(const struct smtp_refusal *r)
{
	static const char *const mail[] = {"MAIL", "RCPT", "DATA", "BDAT"};
	if (r->reply.flag == REPLY_ENDS)
		return true;
	for (size_t i = 0; i < sizeof(mail) / sizeof(mail[0]); i++)
		if (strcmp(r->verb, mail[i]) == 0)
			return r->reply.code != 503;
	return false;
}

void session_log_refusal(const struct session *s, const struct smtp_refusal *r)
{
	const struct envelope *e = &s->smtp.txn.envelope;
	struct buf *b = begin();
	if (!is_worth_a_line(r))
		return;
	buf_printf(b, "reject: %s from ", *r->verb == '\0' ? "UNKNOWN" : r->verb);
	client_name_put(b, s->smtp.client);
	buf_printf(b, ": %u %.*s ", r->reply.code, STR_ARG(r->reply.enhanced));
	if (r->recipient.n > 0) {
		buf_append_str(b, STR("<"));
		buf_append_str(b, r->recipient);
		buf_append_str(b, STR(">: "));
	}
	buf_append_str(b, r->reply.text);
	buf_append_str(b, STR("; from=<"));
	buf_append_str(b, e->reverse_path);
	if (r->recipient.n > 0) {
		buf_append_str(b, STR("> to=<"));
		buf_append_str(b, r->recipient);
	}
	buf_printf(b, "> proto=%s helo=<%s>", smtp_server_protocol(&s->smtp),
	    s->smtp.helo == NULL ? "" : s->smtp.helo);
	if (s->smtp.login != NULL)
		buf_printf(b, " sasl_username=<%s>", s->smtp.login);
	write_note(s, STR("NOQUEUE"), b);
}

void session_log_turned_away(struct str client, enum smtp_status status)
{
	const struct reply *reply = reply_of(status);
	struct buf *b = begin();
	buf_append_str(b, STR("reject: CONNECT from "));
	client_name_put(b, client);
	buf_printf(
	    b, ": %u %.*s %.*s", reply->code, STR_ARG(reply->enhanced), STR_ARG(reply->text));
	write_note(NULL, STR("NOQUEUE"), b);
}
