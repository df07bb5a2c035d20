/* SPDX-License-Identifier: ISC */
#include "pop3d/pop3-text.h"

#include <string.h>

void pop3_text_init(struct pop3_text *t, uint64_t lines)
{
	*t = (struct pop3_text){.line_empty = true, .line_start = true, .lines_left = lines};
}

static void end_line(struct pop3_text *t)
{
	if (t->in_body && t->lines_left != POP3_TEXT_ALL)
		t->lines_left--;
	if (t->line_empty)
		t->in_body = true;
	if (t->in_body && t->lines_left == 0)
		t->done = true;
	t->line_empty = t->line_start = true;
	t->after_cr = false;
}

/* A piece of a line, without its LF. */
static size_t put_piece(struct pop3_text *t, const char *p, size_t n, char *to)
{
	size_t out = 0;
	if (n == 0)
		return 0;
	if (t->line_start && p[0] == '.')
		to[out++] = '.';
	memcpy(to + out, p, n);
	if (!t->line_start || n > 1 || p[0] != '\r')
		t->line_empty = false;
	t->line_start = false;
	t->after_cr = p[n - 1] == '\r';
	return out + n;
}

size_t pop3_text_put(struct pop3_text *t, const char *from, size_t n, char *to)
{
	size_t i = 0, out = 0;
	while (i < n && !t->done) {
		const char *lf = memchr(from + i, '\n', n - i);
		size_t len = lf == NULL ? n - i : (size_t)(lf - (from + i));
		out += put_piece(t, from + i, len, to + out);
		i += len;
		if (lf == NULL)
			break;
		if (!t->after_cr)
			to[out++] = '\r';
		to[out++] = '\n';
		end_line(t);
		i++;
	}
	return out;
}

size_t pop3_text_end(struct pop3_text *t, char *to)
{
	size_t out = 0;
	if (!t->line_start) {
		memcpy(to, "\r\n", 2);
		out = 2;
		end_line(t);
	}
	memcpy(to + out, ".\r\n", 3);
	return out + 3;
}

void pop3_measure_put(struct pop3_measure *m, const char *from, size_t n)
{
	const char *at = from, *end = from + n, *lf;
	while (at < end && (lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		m->octets += (lf == from ? m->last : lf[-1]) != '\r';
		at = lf + 1;
	}
	m->octets += n;
	if (n > 0)
		m->last = from[n - 1];
}

uint64_t pop3_measure_end(const struct pop3_measure *m)
{
	bool unended = m->octets > 0 && m->last != '\n';
	return m->octets + (unended ? 2 : 0);
}
