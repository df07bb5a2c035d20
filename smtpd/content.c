/* SPDX-License-Identifier: ISC
 *
 * A line at a time is looked at with memchr; what cannot be judged before the
 * next octet (a CR, a dot that may end the data) is held, never given out.
 *
 * Invariant: between calls every octet consumed was either given in *keep,
 * dropped on purpose (a stuffed dot, the end of data) or is held.
 */
#include "smtpd/content.h"

/* Keeps the work linear when an input has many CR and no LF. */
enum { SCAN_WINDOW = 4096 };

enum held { HELD_NONE, HELD_CR, HELD_DOT, HELD_DOT_CR };
enum field { FIELD_START, FIELD_NAME, FIELD_BLANK, FIELD_REST };

static const struct str crlf = {"\r\n", 2};
static const struct str blank = {" ", 1};
static const struct str dot = {".", 1};
static const struct str dot_crlf = {".\r\n", 3};
static const struct str received = {"received", 8};
static const struct str tls_required = {"tls-required", 12};
static const struct str no = {"no", 2};

void content_init(struct content *c, const struct content_limits *limits, bool dots, bool repair)
{
	*c = (struct content){.limits = *limits,
	    .dots = dots,
	    .repair = repair,
	    .after_crlf = true,
	    .in_header = true};
}

static void set_fault(struct content *c, enum content_fault fault)
{
	if (c->fault == CONTENT_OK)
		c->fault = fault;
}

/* ---- the header -------------------------------------------------------------- */

/* Of one field the value is known when another one begins: with two there is none to ask for. */
bool content_is_tls_optional(const struct content *c)
{
	return c->wishes == 1 && c->wish == no.n;
}

static void end_header(struct content *c)
{
	c->in_header = c->in_wish = false;
}

static uint8_t matched(struct str name, uint8_t so_far, char octet)
{
	bool fits = so_far < name.n && ascii_lower(octet) == name.p[so_far];
	return fits ? (uint8_t)(so_far + 1) : UINT8_MAX;
}

static void begin_wish(struct content *c)
{
	c->in_wish = true;
	c->wish = 0;
	if (c->wishes < 2)
		c->wishes++;
}

/* Of the value of TLS-Required. */
static void wish_octet(struct content *c, char octet)
{
	bool is_blank = octet == ' ' || octet == '\t';
	if (!is_blank)
		c->wish = matched(no, c->wish, octet);
	else if (c->wish != 0 && c->wish != no.n)
		c->wish = UINT8_MAX;
}

/* One octet before the colon of a header line. */
static void name_octet(struct content *c, char octet)
{
	if (octet == ':') {
		if (c->match == received.n && ++c->hops > c->limits.hops_max)
			set_fault(c, CONTENT_LOOPS);
		if (c->tls_match == tls_required.n)
			begin_wish(c);
		c->field = FIELD_REST;
	} else if (octet == ' ' || octet == '\t') {
		/* Blanks before the colon are obsolete syntax (RFC 5322 §4.5.1), "From " of mbox is
		 * none. */
		c->field = FIELD_BLANK;
	} else if (c->field == FIELD_BLANK || !ascii_is_print(octet)) {
		end_header(c);
	} else {
		c->match = matched(received, c->match, octet);
		c->tls_match = matched(tls_required, c->tls_match, octet);
	}
}

static void header_octets(struct content *c, struct str s)
{
	size_t i = 0;
	if (s.n > 0 && c->field == FIELD_START) {
		c->match = c->tls_match = 0;
		c->field = s.p[0] == ' ' || s.p[0] == '\t' ? FIELD_REST : FIELD_NAME;
		c->in_wish = c->in_wish && c->field == FIELD_REST;
	}
	for (; i < s.n && c->field != FIELD_REST && c->in_header; i++)
		name_octet(c, s.p[i]);
	for (; i < s.n && c->in_wish; i++)
		wish_octet(c, s.p[i]);
	c->header += s.n;
}

/* A line that is neither a field nor a continuation ends the header, as the empty one does. */
static void header_line_end(struct content *c)
{
	if (c->field != FIELD_REST) {
		end_header(c);
		return;
	}
	c->field = FIELD_START;
	c->header += crlf.n;
	if (c->header > c->limits.header_max)
		set_fault(c, CONTENT_HEADER_TOO_BIG);
}

static void line_octets(struct content *c, struct str s)
{
	if (s.n == 0)
		return;
	c->in_line = true;
	c->line += s.n;
	if (c->line > CONTENT_LINE_MAX)
		set_fault(c, CONTENT_LINE_TOO_LONG);
	if (c->in_header)
		header_octets(c, s);
}

static void line_end(struct content *c, bool was_crlf)
{
	if (c->line > CONTENT_LINE_USUAL)
		c->long_lines++;
	if (c->in_header)
		header_line_end(c);
	c->line = 0;
	c->in_line = false;
	c->after_crlf = was_crlf;
}

static void give(struct content *c, struct str s, struct str *keep)
{
	*keep = s;
	c->size += s.n;
	if (c->size > c->limits.size_max)
		set_fault(c, CONTENT_TOO_BIG);
}

static void bare_cr(struct content *c, struct str *keep)
{
	if (!c->repair) {
		c->event = CONTENT_BARE_CR;
		return;
	}
	line_octets(c, blank);
	give(c, blank, keep);
}

/* `text` is what the repaired line ending stands behind. */
static void bare_lf(struct content *c, struct str text, struct str repaired, struct str *keep)
{
	if (!c->repair) {
		c->event = CONTENT_BARE_LF;
		return;
	}
	line_octets(c, text);
	line_end(c, false);
	give(c, repaired, keep);
}

static size_t after_cr(struct content *c, char next, struct str *keep)
{
	c->held = HELD_NONE;
	if (next != '\n') {
		bare_cr(c, keep);
		return 0;
	}
	line_end(c, true);
	give(c, crlf, keep);
	return 1;
}

/* A dot began a line; with anything behind it but CRLF it was stuffed. */
static size_t after_dot(struct content *c, char next, struct str *keep)
{
	c->held = HELD_NONE;
	if (next == '\r') {
		c->held = HELD_DOT_CR;
		return 1;
	}
	if (next == '\n') {
		bare_lf(c, dot, dot_crlf, keep);
		return 1;
	}
	c->in_line = true;
	return 0;
}

static size_t after_dot_cr(struct content *c, char next, struct str *keep)
{
	c->held = HELD_NONE;
	if (next != '\n') {
		c->in_line = true;
		bare_cr(c, keep);
		return 0;
	}
	if (c->after_crlf) {
		c->event = CONTENT_END;
		return 1;
	}
	/* Behind a repaired LF it is not the end of data, but a line of the text. */
	line_octets(c, dot);
	line_end(c, true);
	give(c, dot_crlf, keep);
	return 1;
}

static size_t resolve_held(struct content *c, char next, struct str *keep)
{
	switch ((enum held)c->held) {
	case HELD_CR:
		return after_cr(c, next, keep);
	case HELD_DOT:
		return after_dot(c, next, keep);
	case HELD_DOT_CR:
		return after_dot_cr(c, next, keep);
	case HELD_NONE:
		break;
	}
	return 0;
}

/* One line, or what there is of it within the window, from `from` on: how far it goes. Sets *stop
 * when what comes next must be looked at alone. */
static size_t scan_line(struct content *c, struct str in, size_t from, bool *stop)
{
	struct str rest = str_head(str_skip(in, from), SCAN_WINDOW);
	if (c->dots && !c->in_line && rest.p[0] == '.') {
		*stop = true;
		return from;
	}
	const char *lf = memchr(rest.p, '\n', rest.n);
	size_t n = lf == NULL ? rest.n : (size_t)(lf - rest.p);
	const char *cr = memchr(rest.p, '\r', n);
	if (cr != NULL && lf != NULL && cr + 1 == lf) {
		line_octets(c, str_head(rest, n - 1));
		line_end(c, true);
		return from + n + 1;
	}
	/* A CR is judged by its next octet, a bare LF by bare_lf. */
	size_t text = cr == NULL ? n : (size_t)(cr - rest.p);
	line_octets(c, str_head(rest, text));
	*stop = cr != NULL || lf != NULL;
	return from + text;
}

/* The octet that stopped the scan, with nothing before it. */
static size_t scan_stop(struct content *c, char octet, struct str *keep)
{
	if (octet == '\n') {
		bare_lf(c, (struct str){NULL, 0}, crlf, keep);
		return 1;
	}
	c->held = octet == '\r' ? HELD_CR : HELD_DOT;
	return 1;
}

size_t content_scan(struct content *c, struct str in, struct str *keep)
{
	*keep = (struct str){NULL, 0};
	if (in.n == 0 || c->event != CONTENT_MORE)
		return 0;
	if (c->held != HELD_NONE) {
		size_t used = resolve_held(c, in.p[0], keep);
		if (used > 0 || keep->n > 0 || c->event != CONTENT_MORE)
			return used;
	}
	size_t at = 0;
	bool stop = false;
	while (at < in.n && !stop)
		at = scan_line(c, in, at, &stop);
	if (at == 0)
		return scan_stop(c, in.p[0], keep);
	give(c, str_head(in, at), keep);
	return at;
}

void content_finish(struct content *c, struct str *keep)
{
	*keep = (struct str){NULL, 0};
	if (c->event != CONTENT_MORE)
		return;
	if (c->held == HELD_CR) {
		c->held = HELD_NONE;
		bare_cr(c, keep);
	} else if (c->in_line) {
		line_end(c, true);
		give(c, crlf, keep);
	}
}
