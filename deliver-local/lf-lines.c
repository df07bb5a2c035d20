/* SPDX-License-Identifier: ISC
 *
 * A CR at the end of a block is held back (LF_LINES_HELD_CR) until the next octet
 * shows whether it is half a line ending. Two CRs in a row are written at once;
 * what follows them (LF_LINES_CR_RUN) stays as it is.
 */
#include "deliver-local/lf-lines.h"

#include <string.h>

void lf_lines_init(struct lf_lines *l)
{
	*l = (struct lf_lines){.before = LF_LINES_PLAIN};
}

/* The first octet of a block after a held CR or a run of them; false: there is no such past. */
static bool after_cr(struct lf_lines *l, char c, char *to, size_t *n)
{
	if (l->before == LF_LINES_PLAIN)
		return false;
	bool held = l->before == LF_LINES_HELD_CR;
	if (held && c != '\n')
		to[(*n)++] = '\r';
	to[(*n)++] = c;
	l->crlf_octets += held && c == '\n';
	l->before = c == '\r' ? LF_LINES_CR_RUN : LF_LINES_PLAIN;
	return true;
}

/* What follows the last LF of a block. */
static size_t put_tail(struct lf_lines *l, const char *from, size_t n, char *to)
{
	if (n == 0)
		return 0;
	if (from[n - 1] == '\r') {
		bool run = n > 1 && from[n - 2] == '\r';
		l->before = run ? LF_LINES_CR_RUN : LF_LINES_HELD_CR;
		n -= !run;
	}
	memcpy(to, from, n);
	return n;
}

size_t lf_lines_put(struct lf_lines *l, const char *from, size_t n, char *to)
{
	size_t i = 0, out = 0;
	const char *lf;
	if (n == 0)
		return 0;
	while (i < n && after_cr(l, from[i], to, &out))
		i++;
	while (i < n && (lf = memchr(from + i, '\n', n - i)) != NULL) {
		const char *line = from + i;
		size_t len = (size_t)(lf - line);
		bool cr = len > 0 && lf[-1] == '\r';
		bool run = len > 1 && cr && lf[-2] == '\r';
		size_t kept = cr && !run ? len - 1 : len;
		memcpy(to + out, line, kept);
		out += kept;
		to[out++] = '\n';
		l->crlf_octets += !run;
		i += len + 1;
	}
	out += put_tail(l, from + i, n - i, to + out);
	l->octets += out;
	l->crlf_octets += out;
	l->unended = from[n - 1] != '\n';
	return out;
}

size_t lf_lines_end(struct lf_lines *l, char *to)
{
	static const struct {
		const char *text;
		size_t n;
		unsigned missing_cr; /* line endings without CR */
	} endings[] = {
	    [LF_LINES_PLAIN] = {"\n", 1, 1},
	    [LF_LINES_HELD_CR] = {"\r\r\n", 3, 0},
	    [LF_LINES_CR_RUN] = {"\r\n", 2, 0},
	};
	if (!l->unended)
		return 0;
	size_t n = endings[l->before].n;
	memcpy(to, endings[l->before].text, n);
	l->octets += n;
	l->crlf_octets += n + endings[l->before].missing_cr;
	l->before = LF_LINES_PLAIN;
	l->unended = false;
	return n;
}
