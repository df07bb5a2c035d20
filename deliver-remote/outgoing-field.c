/* SPDX-License-Identifier: ISC
 *
 * The MIME fields that decide how a part may be encoded (RFC 2045 §5, §6), and fields
 * with octets above 127, which no RFC allows here: their words become encoded words
 * (RFC 2047), so that a reader sees what was meant.
 */
#include "common/utf8.h"
#include "deliver-remote/outgoing-internal.h"

/* "=?utf-8?Q?" or "=?unknown-8bit?Q?", text, "?=": RFC 2047 §2. */
enum { ENCODED_WORD_MAX = 75, ENCODED_WORD_FRAME = 19 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_token(char c)
{
	return ascii_is_print(c) && strchr(" ()<>@,;:\\\"/[]?=", c) == NULL;
}

/* Blanks, line ends and comments. */
static void skip_blanks(struct str *s)
{
	size_t i = 0, depth = 0;
	for (; i < s->n; i++) {
		char c = s->p[i];
		if (c == '\\' && depth > 0)
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !is_blank(c))
			break;
	}
	*s = str_skip(*s, i);
}

static struct str take_token(struct str *s)
{
	size_t n = 0;
	skip_blanks(s);
	while (n < s->n && is_token(s->p[n]))
		n++;
	struct str token = str_head(*s, n);
	*s = str_skip(*s, n);
	skip_blanks(s);
	return token;
}

static bool take_octet(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_skip(*s, 1);
	return true;
}

/* The inside of a quoted string whose first quote was taken; false when it does not end, or when
 * it does not fit. What follows is left in *s in any case. */
static bool take_quoted(struct str *s, char out[BOUNDARY_MAX], size_t *n)
{
	bool fits = true;
	*n = 0;
	for (size_t i = 0; i < s->n; i++) {
		char c = s->p[i];
		if (c == '"') {
			*s = str_skip(*s, i + 1);
			return fits;
		}
		if (c == '\\' && i + 1 < s->n)
			c = s->p[++i];
		if (*n < BOUNDARY_MAX)
			out[(*n)++] = c;
		else
			fits = false;
	}
	*s = (struct str){NULL, 0};
	return false;
}

static bool is_boundary(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ascii_is_print(p[i]))
			return false;
	return n > 0 && p[n - 1] != ' ';
}

/* One parameter behind its ";". */
static void take_parameter(struct str *s, struct content_type *t)
{
	char quoted[BOUNDARY_MAX];
	struct str name = take_token(s);
	if (!take_octet(s, '='))
		return;
	skip_blanks(s);
	struct str value;
	bool ok = true;
	if (take_octet(s, '"')) {
		value.p = quoted;
		ok = take_quoted(s, quoted, &value.n);
	} else {
		value = take_token(s);
	}
	if (!str_caseeq(name, STR("boundary")))
		return;
	if (!ok || t->boundary_n > 0 || value.n > BOUNDARY_MAX || !is_boundary(value.p, value.n)) {
		t->kind = PART_OPAQUE;
		return;
	}
	memcpy(t->boundary, value.p, value.n);
	t->boundary_n = (uint8_t)value.n;
}

static enum part_kind kind_of(struct str type)
{
	if (str_caseeq(type, STR("text")))
		return PART_TEXT;
	if (str_caseeq(type, STR("multipart")))
		return PART_MULTIPART;
	return type.n == 0 || str_caseeq(type, STR("message")) ? PART_OPAQUE : PART_OTHER;
}

void content_type_parse(struct str value, struct content_type *out)
{
	*out = (struct content_type){0};
	out->kind = kind_of(take_token(&value));
	bool slash = take_octet(&value, '/');
	struct str subtype = take_token(&value);
	if (!slash || subtype.n == 0)
		out->kind = PART_OPAQUE;
	out->is_signed = str_caseeq(subtype, STR("signed"));
	out->is_digest = str_caseeq(subtype, STR("digest"));
	while (value.n > 0) {
		if (take_octet(&value, ';'))
			take_parameter(&value, out);
		else
			value = str_skip(value, 1);
	}
	if (out->kind == PART_MULTIPART && out->boundary_n == 0)
		out->kind = PART_OPAQUE;
}

enum part_encoding content_encoding_parse(struct str value)
{
	struct str token = take_token(&value);
	if (value.n > 0)
		return ENCODING_OTHER;
	if (str_caseeq(token, STR("7bit")))
		return ENCODING_7BIT;
	if (str_caseeq(token, STR("8bit")) || str_caseeq(token, STR("binary")))
		return ENCODING_8BIT;
	return ENCODING_OTHER;
}

static size_t put_q(char to[3], uint8_t c)
{
	static const char hex[] = "0123456789ABCDEF";
	if (ascii_is_alnum((char)c)) {
		to[0] = (char)c;
		return 1;
	}
	to[0] = '=';
	to[1] = hex[c >> 4];
	to[2] = hex[c & 15];
	return 3;
}

/* One word as one or more encoded words, broken between characters. A blank before it, which
 * readers drop between two of them, is made part of it. */
static bool encode_word(struct str word, bool blank, struct buf *out)
{
	bool utf8 = utf8_is_valid(word);
	struct str start = utf8 ? STR("=?utf-8?Q?") : STR("=?unknown-8bit?Q?");
	size_t used = ENCODED_WORD_MAX; /* of the encoded word under way */
	for (size_t i = 0; i < word.n; i++) {
		char q[3];
		uint8_t c = (uint8_t)word.p[i];
		size_t n = put_q(q, c);
		/* A character of UTF-8 has at most four octets. */
		bool may_break = !utf8 || (c & 0xc0) != 0x80;
		if (may_break && used + 12 > ENCODED_WORD_MAX) {
			if (i > 0 && !buf_append_str(out, STR("?=\r\n ")))
				return false;
			if (!buf_append_str(out, start))
				return false;
			used = ENCODED_WORD_FRAME;
			if (i == 0 && blank && buf_append_u8(out, '_'))
				used++;
		}
		if (!buf_append(out, q, n))
			return false;
		used += n;
	}
	return buf_append_str(out, STR("?="));
}

bool encode_words(struct str field, struct buf *out)
{
	bool after_encoded = false;
	size_t colon = str_find(field, ':');
	if (!buf_append_str(out, str_head(field, colon + 1)))
		return false;
	field = str_skip(field, colon + 1);
	/* A name and a word without a blank between them would be no encoded word. */
	if (field.n > 0 && !is_blank(field.p[0]) && !buf_append_u8(out, ' '))
		return false;
	while (field.n > 0) {
		size_t blanks = 0, n;
		while (blanks < field.n && is_blank(field.p[blanks]))
			blanks++;
		for (n = 0; blanks + n < field.n && !is_blank(field.p[blanks + n]);)
			n++;
		struct str word = str_head(str_skip(field, blanks), n);
		if (!buf_append_str(out, str_head(field, blanks)))
			return false;
		bool encode = !utf8_is_ascii(word);
		if (encode ? !encode_word(word, after_encoded, out) : !buf_append_str(out, word))
			return false;
		after_encoded = encode;
		field = str_skip(field, blanks + n);
	}
	return true;
}
