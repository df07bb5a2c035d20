/* SPDX-License-Identifier: ISC
 *
 * Only whole lines are judged, so that the cut of the input changes nothing; a line
 * without end is malformed as soon as it is too long.
 */
#include "deliver-remote/reply.h"

void reply_init(struct reply_parser *p)
{
	p->code = 0;
	p->lines = 0;
	p->octets = 0;
	p->line_octets = 0;
	p->line_n = 0;
	p->text_n = 0;
	p->line_done = false;
	p->done = false;
	p->malformed = false;
	p->enhanced[0] = '\0';
}

static enum reply_event malformed(struct reply_parser *p)
{
	reply_init(p);
	p->malformed = true;
	return REPLY_MALFORMED;
}

/* One to three digits at the start of s: how many, 0 for none. */
static size_t digits(struct str s)
{
	size_t n = 0;
	while (n < s.n && n < 4 && ascii_is_digit(s.p[n]))
		n++;
	return n < 4 ? n : 0;
}

size_t reply_enhanced(struct str s, unsigned class)
{
	if (s.n < 5 || s.p[0] != (char)('0' + class) || s.p[1] != '.')
		return 0;
	size_t subject = digits(str_skip(s, 2));
	size_t dot = 2 + subject;
	if (subject == 0 || dot >= s.n || s.p[dot] != '.')
		return 0;
	size_t detail = digits(str_skip(s, dot + 1));
	size_t n = dot + 1 + detail;
	if (detail == 0 || (n < s.n && s.p[n] != ' '))
		return 0;
	return n;
}

static void put_text(struct reply_parser *p, struct str s)
{
	size_t room = sizeof(p->text) - p->text_n;
	s = str_head(s, room);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i] == '\t' ? ' ' : s.p[i];
		p->text[p->text_n++] = ascii_shown(c);
	}
}

/* The first line with its code; of the others what they add to it. */
static void add_text(struct reply_parser *p, struct str line)
{
	struct str rest = str_skip(line, 4);
	size_t n = reply_enhanced(rest, p->code / 100);
	if (p->lines == 1) {
		put_text(p, str_head(line, 3));
	} else if (n > 0 && str_eq(str_head(rest, n), str_from_cstr(p->enhanced))) {
		rest = str_skip(rest, n + 1);
		n = 0;
	}
	if (n > 0 && p->enhanced[0] == '\0') {
		memcpy(p->enhanced, rest.p, n);
		p->enhanced[n] = '\0';
	}
	rest = str_trim(rest);
	if (rest.n == 0)
		return;
	put_text(p, STR(" "));
	put_text(p, rest);
}

/* The code at the start of a line, or 0. */
static unsigned parse_code(struct str line)
{
	if (line.n < 3 || digits(str_head(line, 3)) != 3)
		return 0;
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return 0;
	unsigned code = (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 +
			(unsigned)(line.p[2] - '0');
	return code >= 200 && code <= 599 ? code : 0;
}

static enum reply_event end_line(struct reply_parser *p)
{
	p->line_done = true;
	if (p->line_n > 0 && p->line_n == p->line_octets && p->line[p->line_n - 1] == '\r')
		p->line_n--;
	struct str line = {p->line, p->line_n};
	unsigned code = parse_code(line);
	if (code == 0 || (p->code != 0 && code != p->code) || ++p->lines > REPLY_LINES_MAX)
		return malformed(p);
	p->code = code;
	add_text(p, line);
	p->done = line.n == 3 || line.p[3] == ' ';
	return p->done ? REPLY_DONE : REPLY_LINE;
}

static void begin(struct reply_parser *p)
{
	if (p->done)
		reply_init(p);
	if (p->line_done) {
		p->line_done = false;
		p->line_n = 0;
		p->line_octets = 0;
	}
}

enum reply_event reply_feed(struct reply_parser *p, struct str *in)
{
	if (p->malformed)
		return REPLY_MALFORMED;
	if (in->n == 0)
		return REPLY_MORE;
	begin(p);
	size_t lf = str_find(*in, '\n');
	struct str kept = str_head(str_head(*in, lf), sizeof(p->line) - p->line_n);
	if (kept.n > 0)
		memcpy(p->line + p->line_n, kept.p, kept.n);
	p->line_n += kept.n;
	p->line_octets += lf;
	p->octets += lf;
	if (p->line_octets > REPLY_LINE_MAX || p->octets > REPLY_OCTETS_MAX)
		return malformed(p);
	bool ended = lf < in->n;
	*in = str_skip(*in, lf + 1);
	return ended ? end_line(p) : REPLY_MORE;
}

struct str reply_line(const struct reply_parser *p)
{
	if (p->line_octets > REPLY_LINE_KEPT)
		return (struct str){NULL, 0};
	return str_skip((struct str){p->line, p->line_n}, 4);
}

struct str reply_text(const struct reply_parser *p)
{
	return (struct str){p->text, p->text_n};
}

bool reply_is_partial(const struct reply_parser *p)
{
	return !p->done && p->octets > 0;
}
