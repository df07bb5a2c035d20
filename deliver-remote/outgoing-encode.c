/* SPDX-License-Identifier: ISC
 *
 * The second pass: copies what is between the edits, and carries them out. In what is
 * only copied (preambles, parameters of MIME fields) an octet above 127 becomes "?".
 */
#include "deliver-remote/outgoing-internal.h"

#include <openssl/evp.h>

/* RFC 2045 §6.7 allows 76 characters, with the "=" of a soft break. */
enum { QUOTED_LINE = 75, STEP = 4096 };

static uint8_t *put_plain(struct encoder *e, uint8_t *to, uint8_t c)
{
	if (e->column + 1 > QUOTED_LINE) {
		memcpy(to, "=\r\n", 3);
		to += 3;
		e->column = 0;
	}
	*to++ = c;
	e->column++;
	return to;
}

static uint8_t *put_escape(struct encoder *e, uint8_t *to, uint8_t c)
{
	static const char hex[] = "0123456789ABCDEF";
	if (e->column + 3 > QUOTED_LINE) {
		memcpy(to, "=\r\n", 3);
		to += 3;
		e->column = 0;
	}
	*to++ = '=';
	*to++ = (uint8_t)hex[c >> 4];
	*to++ = (uint8_t)hex[c & 15];
	e->column += 3;
	return to;
}

/* A hyphen that a soft break would put at the start of a line is escaped, so that no line can
 * become a boundary that was none. */
static uint8_t *put_quoted(struct encoder *e, uint8_t *to, uint8_t c)
{
	bool escape = c < ' ' ? c != '\t' : c > '~' || c == '=';
	if (c == '-' && e->column + 1 > QUOTED_LINE)
		escape = true;
	return escape ? put_escape(e, to, c) : put_plain(e, to, c);
}

/* A blank and a CR are held until the next octet says whether the line ends there. */
static uint8_t *quote_octet(struct encoder *e, uint8_t *to, uint8_t c)
{
	if (e->cr && c == '\n') {
		if (e->blank != 0)
			to = put_escape(e, to, e->blank);
		memcpy(to, "\r\n", 2);
		e->column = 0;
		e->blank = 0;
		e->cr = false;
		return to + 2;
	}
	bool hold = c == '\r' && !e->cr;
	if (e->blank != 0 && !hold) {
		to = put_quoted(e, to, e->blank);
		e->blank = 0;
	}
	if (e->cr)
		to = put_escape(e, to, '\r');
	e->cr = c == '\r';
	if (e->cr)
		return to;
	if (c == ' ' || c == '\t') {
		e->blank = c;
		return to;
	}
	return put_quoted(e, to, c);
}

static void quote(struct encoder *e, struct str in, struct buf *out)
{
	/* Three for each octet, a soft break for 24 of them, and what was held. */
	uint8_t *start = buf_reserve(out, in.n * 4 + 16), *to = start;
	for (size_t i = 0; i < in.n; i++)
		to = quote_octet(e, to, (uint8_t)in.p[i]);
	buf_commit(out, (size_t)(to - start));
}

static void quote_end(struct encoder *e, struct buf *out)
{
	uint8_t *start = buf_reserve(out, 16), *to = start;
	if (e->blank != 0)
		to = put_escape(e, to, e->blank);
	if (e->cr)
		to = put_escape(e, to, '\r');
	buf_commit(out, (size_t)(to - start));
}

static void put_base64_line(struct encoder *e, struct buf *out)
{
	uint8_t line[BASE64_LINE / 3 * 4 + 1];
	if (e->carry_n == 0)
		return;
	if (e->lines)
		buf_append_str(out, STR("\r\n"));
	int n = EVP_EncodeBlock(line, e->carry, e->carry_n);
	buf_append(out, line, (size_t)n);
	e->lines = true;
	e->carry_n = 0;
}

static void base64(struct encoder *e, struct str in, struct buf *out)
{
	while (in.n > 0) {
		struct str part = str_head(in, (size_t)(BASE64_LINE - e->carry_n));
		memcpy(e->carry + e->carry_n, part.p, part.n);
		e->carry_n = (uint8_t)(e->carry_n + part.n);
		if (e->carry_n == BASE64_LINE)
			put_base64_line(e, out);
		in = str_skip(in, part.n);
	}
}

static bool encode_step(
    struct seven_bit *s, const struct outgoing *o, uint64_t at, size_t n, struct buf *out)
{
	uint8_t octets[STEP];
	if (!o->read(o->ctx, at, octets, n))
		return false;
	if (s->edits[s->next].kind == EDIT_QUOTED)
		quote(&s->encoder, str_from(octets, n), out);
	else
		base64(&s->encoder, str_from(octets, n), out);
	return true;
}

static void end_edit(struct seven_bit *s, struct buf *out)
{
	if (s->edits[s->next].kind == EDIT_QUOTED)
		quote_end(&s->encoder, out);
	else
		put_base64_line(&s->encoder, out);
	s->encoder = (struct encoder){0};
	s->next++;
}

static bool copy_step(const struct outgoing *o, uint64_t at, size_t n, struct buf *out)
{
	uint8_t *to = buf_reserve(out, n);
	if (!o->read(o->ctx, at, to, n))
		return false;
	for (size_t i = 0; i < n; i++)
		to[i] = to[i] > 127 ? '?' : to[i];
	buf_commit(out, n);
	return true;
}

static size_t step_to(uint64_t at, uint64_t end)
{
	return end - at < STEP ? (size_t)(end - at) : STEP;
}

/* One step; how many octets of the content or of a text it took. */
static bool step(
    struct seven_bit *s, const struct outgoing *o, uint64_t *at, struct buf *out, size_t *took)
{
	const struct edit *e = s->next < s->count ? &s->edits[s->next] : NULL;
	if (e == NULL || *at < e->start) {
		*took = step_to(*at, e == NULL ? o->size : e->start);
		if (!copy_step(o, *at, *took, out))
			return false;
		*at += *took;
	} else if (e->kind == EDIT_TEXT) {
		*took = e->text_n;
		buf_append_str(out, str_head(str_skip(buf_str(&s->text), e->text), e->text_n));
		*at = e->end;
		s->next++;
	} else {
		*took = step_to(*at, e->end);
		if (!encode_step(s, o, *at, *took, out))
			return false;
		*at += *took;
		if (*at == e->end)
			end_edit(s, out);
	}
	return true;
}

enum outgoing_state seven_bit_piece(
    struct seven_bit *s, const struct outgoing *o, uint64_t *at, struct buf *out, size_t n)
{
	size_t done = 0, took;
	while (*at < o->size || s->next < s->count) {
		if (done >= n)
			return OUTGOING_MORE;
		if (!step(s, o, at, out, &took))
			return OUTGOING_UNREADABLE;
		done += took;
	}
	return OUTGOING_END;
}
