/* SPDX-License-Identifier: ISC
 *
 * The commands without much of a body: RFC 5321 §4.1.1.5 to §4.1.1.10.
 */
#include "common/utf8.h"
#include "smtpd/parameter.h"
#include "smtpd/smtp-internal.h"

enum smtp_status verb_rset(struct smtp_server *s, const struct argument *a)
{
	(void)a;
	smtp_transaction_over(s);
	return STATUS_OK;
}

enum smtp_status verb_noop(struct smtp_server *s, const struct argument *a)
{
	(void)s;
	(void)a;
	return STATUS_OK;
}

enum smtp_status verb_quit(struct smtp_server *s, const struct argument *a)
{
	(void)s;
	(void)a;
	return STATUS_BYE;
}

/* Says nothing about anybody (RFC 5321 §7.3), and touches no transaction. Octets above 127 need
 * the parameter of RFC 6531 §3.7.4.2. */
enum smtp_status verb_vrfy(struct smtp_server *s, const struct argument *a)
{
	struct str text = a->text;
	bool utf8 = false;
	(void)s;
	size_t blank = str_rfind(text, ' ');
	if (blank < text.n && str_caseeq(str_skip(text, blank + 1), STR("SMTPUTF8"))) {
		utf8 = true;
		text = str_trim(str_head(text, blank));
	}
	if (text.n == 0 || !parameter_is_text(text))
		return STATUS_BAD_VRFY;
	if (!utf8 && !utf8_is_ascii(text))
		return STATUS_NEEDS_UTF8;
	return STATUS_VRFY;
}

enum smtp_status verb_help(struct smtp_server *s, const struct argument *a)
{
	char text[VERBS_LISTED_MAX * (VERB_NAME_MAX + 1)];
	size_t n = 0;
	(void)a;
	for (size_t i = 0; i < verb_count && (verbs[i].flags & VERB_LISTED); i++) {
		size_t length = strlen(verbs[i].name);
		if (n > 0)
			text[n++] = ' ';
		memcpy(text + n, verbs[i].name, length);
		n += length;
	}
	struct reply reply = {
	    .code = 214, .enhanced = STR("2.0.0"), .text = STR("Postern knows these commands:")};
	reply_line(s->out, &reply, true);
	reply.text = str_from(text, n);
	smtp_conclude_reply(s, &reply);
	return STATUS_NONE;
}
