/* SPDX-License-Identifier: ISC
 *
 * The first pass: a line at a time, with a stack of the boundaries that are open. A
 * part is judged when it ends; what must change is put on the list of edits.
 *
 * Invariant: a line is compared with at most SEVEN_DEPTH_MAX boundaries, a field is
 * kept up to SEVEN_FIELD_MAX octets; nothing else grows with the content but the
 * list, which has its own limits. Past a limit the content is not converted.
 */
#include "common/mem.h"
#include "deliver-remote/outgoing-internal.h"

#include <stdlib.h>

static void begin_part(struct seven_bit *s, bool is_signed, bool is_digest)
{
	s->part = (struct part){.is_signed = is_signed};
	/* RFC 2046 §5.1.5: in a digest, what says nothing is a message. */
	s->part.type.kind = is_digest ? PART_OPAQUE : PART_TEXT;
	s->look = LOOK_HEADER;
	s->field_open = false;
}

struct seven_bit *seven_bit_new(void)
{
	struct seven_bit *s = xcalloc(1, sizeof(*s));
	buf_init(&s->text, SEVEN_TEXT_MAX);
	buf_init(&s->line, SEVEN_FIELD_MAX);
	buf_init(&s->field, SEVEN_FIELD_MAX);
	begin_part(s, false, false);
	s->part.is_root = true;
	return s;
}

void seven_bit_free(struct seven_bit *s)
{
	if (s == NULL)
		return;
	buf_release(&s->text);
	buf_release(&s->line);
	buf_release(&s->field);
	free(s->edits);
	free(s);
}

static struct edit *add_edit(struct seven_bit *s, enum edit_kind kind, uint64_t start, uint64_t end)
{
	static struct edit thrown_away;
	if (s->count == SEVEN_EDITS_MAX) {
		s->failed = true;
		return &thrown_away;
	}
	if (s->count == s->cap) {
		s->cap = s->cap == 0 ? 16 : 2 * s->cap;
		s->edits = xreallocarray(s->edits, s->cap, sizeof(*s->edits));
	}
	struct edit *e = &s->edits[s->count];
	*e = (struct edit){.kind = kind, .start = start, .end = end, .order = s->count++};
	e->text = buf_len(&s->text);
	return e;
}

static void put_text(struct seven_bit *s, struct edit *e, struct str text)
{
	if (!buf_append_str(&s->text, text))
		s->failed = true;
	e->text_n = buf_len(&s->text) - e->text;
}

/* What the header of the part must say now. */
static void edit_header(struct seven_bit *s, struct str encoding)
{
	struct part *p = &s->part;
	bool has = p->encoding != ENCODING_NONE;
	struct edit *e = add_edit(s, EDIT_TEXT, has ? p->encoding_start : p->header_end,
	    has ? p->encoding_end : p->header_end);
	if (p->is_root && !p->has_version)
		put_text(s, e, STR("MIME-Version: 1.0\r\n"));
	if (p->is_root && !p->has_type)
		put_text(s, e, STR("Content-Type: text/plain; charset=unknown-8bit\r\n"));
	put_text(s, e, STR("Content-Transfer-Encoding: "));
	put_text(s, e, encoding);
	put_text(s, e, STR("\r\n"));
	if (p->no_blank) {
		e = add_edit(s, EDIT_TEXT, p->header_end, p->header_end);
		put_text(s, e, STR("\r\n"));
	}
}

static void end_leaf(struct seven_bit *s, uint64_t end)
{
	const struct part *p = &s->part;
	if (!p->eight_bit) {
		if (p->encoding == ENCODING_8BIT && !p->is_signed)
			edit_header(s, STR("7bit"));
		return;
	}
	if (p->is_signed || p->type.kind == PART_OPAQUE || p->encoding == ENCODING_OTHER) {
		s->failed = true;
		return;
	}
	bool text = p->type.kind == PART_TEXT;
	edit_header(s, text ? STR("quoted-printable") : STR("base64"));
	add_edit(s, text ? EDIT_QUOTED : EDIT_BASE64, p->body_start, end);
}

/* Whether it is a multipart that is looked into. */
static bool enter_multipart(struct seven_bit *s)
{
	const struct part *p = &s->part;
	if (p->type.kind != PART_MULTIPART)
		return false;
	if (p->encoding == ENCODING_OTHER || s->depth == SEVEN_DEPTH_MAX) {
		s->part.type.kind = PART_OPAQUE;
		return false;
	}
	if (p->encoding == ENCODING_8BIT && !p->is_signed)
		edit_header(s, STR("7bit"));
	struct level *level = &s->levels[s->depth++];
	level->is_signed = p->is_signed || p->type.is_signed;
	level->is_digest = p->type.is_digest;
	level->boundary_n = p->type.boundary_n;
	memcpy(level->boundary, p->type.boundary, p->type.boundary_n);
	return true;
}

static void see_type(struct seven_bit *s, struct str value)
{
	struct part *p = &s->part;
	content_type_parse(value, &p->type);
	if (p->has_type || s->field_cut)
		p->type.kind = PART_OPAQUE;
	p->has_type = true;
}

static void see_encoding(struct seven_bit *s, struct str value)
{
	struct part *p = &s->part;
	bool again = p->encoding != ENCODING_NONE;
	p->encoding = again || s->field_cut ? ENCODING_OTHER : content_encoding_parse(value);
	p->encoding_start = s->field_start;
	p->encoding_end = s->line_start;
}

/* The field that ends before the line under way. */
static void end_field(struct seven_bit *s)
{
	if (!s->field_open)
		return;
	s->field_open = false;
	struct str field = buf_str(&s->field);
	size_t colon = str_find(field, ':');
	struct str name = str_trim(str_head(field, colon)), value = str_skip(field, colon + 1);
	if (str_caseeq(name, STR("content-type")))
		see_type(s, value);
	else if (str_caseeq(name, STR("content-transfer-encoding")))
		see_encoding(s, value);
	else if (str_caseeq(name, STR("mime-version")))
		s->part.has_version = true;
	if (!s->field_eight)
		return;
	if (s->part.is_signed)
		s->failed = true;
	/* In those, and in what was cut, octets become "?" as in all that is only copied. */
	if (s->field_cut || str_has_caseprefix(name, STR("content-")))
		return;
	struct edit *e = add_edit(s, EDIT_TEXT, s->field_start, s->line_start);
	if (!encode_words(field, &s->text))
		s->failed = true;
	e->text_n = buf_len(&s->text) - e->text;
}

static void end_header(struct seven_bit *s, bool blank)
{
	end_field(s);
	s->part.no_blank = !blank;
	s->part.header_end = s->line_start;
	s->part.body_start = blank ? s->at : s->line_start;
	s->look = enter_multipart(s) ? LOOK_OUTSIDE : LOOK_BODY;
}

static bool is_field(struct str line)
{
	size_t colon = str_find(line, ':');
	if (colon == 0 || colon == line.n)
		return false;
	struct str name = str_trim(str_head(line, colon));
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_print(name.p[i]) || name.p[i] == ' ')
			return false;
	return name.n > 0 && line.p[0] != ' ' && line.p[0] != '\t';
}

/* A whole line of a body or of what surrounds parts. */
static void body_line(struct seven_bit *s)
{
	if (!s->line_eight)
		return;
	if (s->look == LOOK_BODY)
		s->part.eight_bit = true;
	else if (s->depth > 0 && s->levels[s->depth - 1].is_signed)
		s->failed = true;
}

static void header_line(struct seven_bit *s, struct str line)
{
	bool continued = s->field_open && line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
	bool blank = line.n == 0 || str_eq(line, STR("\n")) || str_eq(line, STR("\r\n"));
	if (!continued && (blank || !is_field(line))) {
		end_header(s, blank);
		if (!blank)
			body_line(s);
		return;
	}
	if (!continued) {
		end_field(s);
		buf_reset(&s->field);
		s->field_open = true;
		s->field_cut = s->field_eight = false;
		s->field_start = s->line_start;
	}
	s->field_eight |= s->line_eight;
	s->field_cut |= s->line_n > line.n || !buf_append_str(&s->field, line);
}

static bool is_only_blanks(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr(" \t\r\n", s.p[i]) == NULL || s.p[i] == '\0')
			return false;
	return true;
}

/* The level whose boundary delimiter (RFC 2046 §5.1.1) the line is, or -1. */
static int find_boundary(const struct seven_bit *s, struct str line, bool *closing)
{
	if (!str_has_prefix(line, STR("--")) || s->line_n > line.n)
		return -1;
	line = str_skip(line, 2);
	for (size_t i = s->depth; i-- > 0;) {
		const struct level *l = &s->levels[i];
		if (!str_has_prefix(line, str_from(l->boundary, l->boundary_n)))
			continue;
		struct str rest = str_skip(line, l->boundary_n);
		*closing = str_has_prefix(rest, STR("--"));
		if (is_only_blanks(*closing ? str_skip(rest, 2) : rest))
			return (int)i;
	}
	return -1;
}

/* The part under way ends before the line that begins now. */
static void end_part(struct seven_bit *s)
{
	if (s->look == LOOK_HEADER) {
		end_field(s);
		s->part.no_blank = true;
		s->part.header_end = s->part.body_start = s->line_start;
		end_leaf(s, s->line_start);
	} else if (s->look == LOOK_BODY) {
		end_leaf(
		    s, s->before_end > s->part.body_start ? s->before_end : s->part.body_start);
	}
}

static void on_boundary(struct seven_bit *s, size_t level, bool closing)
{
	end_part(s);
	s->depth = closing ? level : level + 1;
	if (closing)
		s->look = LOOK_OUTSIDE;
	else
		begin_part(s, s->levels[level].is_signed, s->levels[level].is_digest);
}

/* `at` is behind its LF, if it has one. */
static void end_line(struct seven_bit *s)
{
	bool closing = false;
	struct str line = buf_str(&s->line);
	int level = find_boundary(s, line, &closing);
	if (level >= 0)
		on_boundary(s, (size_t)level, closing);
	else if (s->look == LOOK_HEADER)
		header_line(s, line);
	else
		body_line(s);
	s->before_end = s->at - (s->before_lf == '\r' ? 2 : 1);
	buf_reset(&s->line);
	s->line_n = 0;
	s->before_lf = 0;
	s->line_eight = false;
	s->line_start = s->at;
}

static bool has_eight_bit(struct str s)
{
	uint8_t all = 0;
	for (size_t i = 0; i < s.n; i++)
		all |= (uint8_t)s.p[i];
	return all > 127;
}

void seven_bit_look(struct seven_bit *s, struct str in)
{
	while (in.n > 0) {
		size_t lf = str_find(in, '\n');
		struct str part = str_head(in, lf + 1);
		size_t kept = s->look == LOOK_HEADER ? SEVEN_FIELD_MAX : BOUNDARY_LINE;
		size_t have = buf_len(&s->line);
		if (have < kept)
			buf_append_str(&s->line, str_head(part, kept - have));
		s->line_eight |= has_eight_bit(part);
		s->line_n += part.n;
		s->at += part.n;
		if (lf > 0)
			s->before_lf = (uint8_t)in.p[lf - 1];
		if (lf < in.n)
			end_line(s);
		in = str_skip(in, part.n);
	}
}

static int compare(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

bool seven_bit_looked(struct seven_bit *s)
{
	if (s->line_n > 0)
		end_line(s);
	if (s->look == LOOK_BODY)
		end_leaf(s, s->at);
	else
		end_part(s);
	if (s->count > 1)
		qsort(s->edits, s->count, sizeof(*s->edits), compare);
	return !s->failed;
}

bool seven_bit_is_plain(const struct seven_bit *s)
{
	return s->count == 0;
}
