/* SPDX-License-Identifier: ISC */
#include "control/smtp-reply.h"

#include <sysexits.h>

enum { CODE_LENGTH = 3 };

/* A digit of a reply code; the first is 2 to 5 (RFC 5321 §4.2.1). */
static bool is_code(struct str s)
{
	return s.n >= CODE_LENGTH && s.p[0] >= '2' && s.p[0] <= '5' && ascii_is_digit(s.p[1]) &&
	       ascii_is_digit(s.p[2]);
}

static unsigned code_of(struct str s)
{
	return (unsigned)(s.p[0] - '0') * 100 + (unsigned)(s.p[1] - '0') * 10 +
	       (unsigned)(s.p[2] - '0');
}

static struct str without_line_end(struct str line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

enum smtp_reply_result smtp_reply_parse(struct str in, struct smtp_reply *reply)
{
	struct str rest = in;
	for (unsigned lines = 0;; lines++) {
		size_t end = str_find(rest, '\n');
		if (end == rest.n)
			return in.n >= SMTP_REPLY_MAX ? SMTP_REPLY_MALFORMED : SMTP_REPLY_PARTIAL;
		struct str line = without_line_end(str_head(rest, end + 1));
		if (!is_code(line) || (lines > 0 && code_of(line) != reply->code))
			return SMTP_REPLY_MALFORMED;
		char separator = line.n > CODE_LENGTH ? line.p[CODE_LENGTH] : ' ';
		if (separator != ' ' && separator != '-')
			return SMTP_REPLY_MALFORMED;
		reply->code = code_of(line);
		rest = str_skip(rest, end + 1);
		if (separator == ' ')
			break;
	}
	reply->lines = str_head(in, in.n - rest.n);
	return SMTP_REPLY_WHOLE;
}

bool smtp_reply_next_line(struct str *rest, struct str *text)
{
	if (rest->n == 0)
		return false;
	size_t end = str_find(*rest, '\n') + 1;
	*text = str_skip(without_line_end(str_head(*rest, end)), CODE_LENGTH + 1);
	*rest = str_skip(*rest, end);
	return true;
}

static size_t digits(struct str s)
{
	size_t n = 0;
	while (n < s.n && n < 3 && ascii_is_digit(s.p[n]))
		n++;
	return n;
}

struct str smtp_reply_enhanced(const struct smtp_reply *reply)
{
	const struct str none = {NULL, 0};
	struct str rest = reply->lines, text;
	if (!smtp_reply_next_line(&rest, &text) || text.n < 5 || text.p[1] != '.')
		return none;
	if (text.p[0] != '2' && text.p[0] != '4' && text.p[0] != '5')
		return none;
	size_t subject = digits(str_skip(text, 2));
	size_t at = 2 + subject;
	if (subject == 0 || at >= text.n || text.p[at] != '.')
		return none;
	size_t detail = digits(str_skip(text, at + 1));
	at += 1 + detail;
	if (detail == 0 || (at < text.n && text.p[at] != ' '))
		return none;
	return str_head(text, at);
}

/* The first row that fits says what a refusal means. */
static const struct {
	enum smtp_stage stage;
	unsigned code;	     /* 0: any */
	struct str enhanced; /* begins with this; empty: any */
	int status;
} refusals[] = {
    {SMTP_STAGE_CONNECT, 0, STR(""), EX_UNAVAILABLE},
    {SMTP_STAGE_MAIL, 530, STR(""), EX_NOPERM},
    {SMTP_STAGE_MAIL, 0, STR("5.7."), EX_NOPERM},
    {SMTP_STAGE_MAIL, 0, STR(""), EX_DATAERR},
    {SMTP_STAGE_RCPT, 0, STR("5.1."), EX_NOUSER},
    {SMTP_STAGE_RCPT, 0, STR("5."), EX_UNAVAILABLE},
    {SMTP_STAGE_RCPT, 550, STR(""), EX_NOUSER},
    {SMTP_STAGE_RCPT, 551, STR(""), EX_NOUSER},
    {SMTP_STAGE_RCPT, 553, STR(""), EX_NOUSER},
    {SMTP_STAGE_RCPT, 0, STR(""), EX_UNAVAILABLE},
    {SMTP_STAGE_CONTENT, 0, STR("5.7."), EX_UNAVAILABLE},
    {SMTP_STAGE_CONTENT, 0, STR(""), EX_DATAERR},
};

int smtp_reply_status(const struct smtp_reply *reply, enum smtp_stage stage)
{
	if (reply->code < 400)
		return EX_OK;
	if (reply->code < 500)
		return EX_TEMPFAIL;
	struct str enhanced = smtp_reply_enhanced(reply);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i].stage == stage &&
		    (refusals[i].code == 0 || refusals[i].code == reply->code) &&
		    str_has_prefix(enhanced, refusals[i].enhanced))
			return refusals[i].status;
	return EX_UNAVAILABLE;
}
