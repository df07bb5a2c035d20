/* SPDX-License-Identifier: ISC */
#include "smtpd/reply.h"

static const struct reply rows[STATUS_COUNT] = {
#define FLAG_0	  REPLY_GOES_ON
#define FLAG_ENDS REPLY_ENDS
#define FLAG_BAD  REPLY_BAD
#define STATUS(id, what, number, enhanced_code, words)                                             \
	[STATUS_##id] = {.flag = FLAG_##what,                                                      \
	    .code = (number),                                                                      \
	    .enhanced = STR(enhanced_code),                                                        \
	    .text = STR(words)},
#include "smtpd/status.def"
#undef STATUS
};

const struct reply *reply_of(enum smtp_status status)
{
	return &rows[status];
}

static size_t put(char *line, size_t at, struct str s)
{
	for (size_t i = 0; i < s.n && at < REPLY_LINE_MAX - 2; i++)
		line[at++] = ascii_is_print(s.p[i]) ? s.p[i] : '?';
	return at;
}

void reply_line(struct buf *out, const struct reply *reply, bool more)
{
	char line[REPLY_LINE_MAX];
	size_t at = 0;
	line[at++] = (char)('0' + reply->code / 100 % 10);
	line[at++] = (char)('0' + reply->code / 10 % 10);
	line[at++] = (char)('0' + reply->code % 10);
	line[at++] = more ? '-' : ' ';
	if (reply->enhanced.n > 0) {
		at = put(line, at, reply->enhanced);
		at = put(line, at, STR(" "));
	}
	at = put(line, at, reply->text);
	line[at++] = '\r';
	line[at++] = '\n';
	buf_append(out, line, at);
}

static bool wants_domain(unsigned code)
{
	return code == 220 || code == 221 || code == 421;
}

void reply_status(struct buf *out, enum smtp_status status, struct str hostname)
{
	const struct reply *row = &rows[status];
	if (!wants_domain(row->code)) {
		reply_line(out, row, false);
		return;
	}
	char text[REPLY_LINE_MAX];
	size_t at = put(text, 0, hostname);
	at = put(text, at, STR(" "));
	at = put(text, at, row->text);
	reply_line(out,
	    &(struct reply){
		.code = row->code, .enhanced = row->enhanced, .text = str_from(text, at)},
	    false);
}

/* "d.d{1,3}.d{1,3}" of the code's class (RFC 3463 §2). */
bool reply_is_valid(unsigned code, struct str enhanced)
{
	unsigned class = code / 100;
	if (code > 599 || (class != 2 && class != 4 && class != 5))
		return false;
	size_t dots = 0, digits = 0;
	for (size_t i = 0; i < enhanced.n; i++) {
		if (enhanced.p[i] == '.' && digits > 0) {
			dots++;
			digits = 0;
		} else if (!ascii_is_digit(enhanced.p[i]) || ++digits > (dots == 0 ? 1U : 3U)) {
			return false;
		}
	}
	return dots == 2 && digits > 0 && enhanced.p[0] == (char)('0' + class);
}
