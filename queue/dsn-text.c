/* SPDX-License-Identifier: ISC */
#include "queue/dsn-text.h"
#include "common/utf8.h"

enum { FOLD_AT = 76, WRAP_AT = 78, CUT_AT = 900 };

static bool end_line(struct buf *out)
{
	return buf_append(out, "\r\n", 2);
}

/* Octets of the next character of s and how it is written; what may not be is "?". */
static size_t next_char(struct str s, bool utf8, struct str *as)
{
	uint32_t code;
	size_t n = utf8_decode(s, &code);
	bool ok = n > 0 && (code == '\t' || !utf8_is_control(code)) && (utf8 || code < 128);
	*as = ok ? str_head(s, n) : STR("?");
	return n > 0 ? n : 1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* --- fields ------------------------------------------------------------- */

/* A line is folded before a blank that something follows, so that none is of blanks alone. */
static bool may_fold(struct str rest)
{
	return rest.n > 1 && is_blank(rest.p[0]) && !is_blank(rest.p[1]) &&
	       (unsigned char)rest.p[1] > ' ' && rest.p[1] != 0x7f;
}

/* Octets up to the next place to fold at. */
static size_t word_length(struct str rest)
{
	size_t n = 1;
	while (n < rest.n && !may_fold(str_skip(rest, n)))
		n++;
	return n;
}

static bool put_folded(struct buf *out, struct str value, size_t column, bool utf8)
{
	struct str as;
	for (size_t at = 0, n; at < value.n; at += n) {
		struct str rest = str_skip(value, at);
		bool fold = (may_fold(rest) && column + word_length(rest) > FOLD_AT) ||
			    column >= CUT_AT;
		n = next_char(rest, utf8, &as);
		if (fold && !(end_line(out) && (is_blank(as.p[0]) || buf_append_u8(out, ' '))))
			return false;
		column = fold ? 1 : column + as.n;
		if (!buf_append_str(out, as))
			return false;
	}
	return true;
}

bool dsn_text_field(
    struct buf *out, const char *name, const char *prefix, struct str value, bool utf8)
{
	value = str_trim(value);
	if (value.n == 0)
		return true;
	size_t column = strlen(name) + 2 + strlen(prefix);
	return buf_append_str(out, str_from_cstr(name)) && buf_append(out, ": ", 2) &&
	       buf_append_str(out, str_from_cstr(prefix)) &&
	       put_folded(out, value, column, utf8) && end_line(out);
}

/* --- text --------------------------------------------------------------- */

static size_t indent_of(struct str line)
{
	size_t n = 0;
	while (n < line.n && n < 20 && line.p[n] == ' ')
		n++;
	return n;
}

/* Octets of the line that go into the next line of the text: up to the last blank within WRAP_AT,
 * else up to the first one behind it, else CUT_AT or a little less, at a character's end. */
static size_t wrapped_length(struct str line, size_t indent)
{
	size_t best = 0;
	if (line.n + indent <= WRAP_AT)
		return line.n;
	for (size_t i = indent_of(line) + 1; i < line.n && i < CUT_AT; i++) {
		if (line.p[i] != ' ')
			continue;
		if (best > 0 && i + indent > WRAP_AT)
			break;
		best = i;
	}
	if (best > 0)
		return best;
	size_t n = line.n < CUT_AT ? line.n : CUT_AT;
	for (int i = 0; i < 3 && n < line.n && ((unsigned char)line.p[n] & 0xc0) == 0x80; i++)
		n--;
	return n;
}

static bool put_line(struct buf *out, struct str line, size_t indent)
{
	static const char blanks[] = "                    ";
	struct str as;
	if (!buf_append(out, blanks, indent))
		return false;
	for (size_t at = 0; at < line.n;) {
		at += next_char(str_skip(line, at), true, &as);
		if (!buf_append_str(out, as))
			return false;
	}
	return end_line(out);
}

static bool put_wrapped(struct buf *out, struct str line)
{
	size_t indent = 0, next_indent = indent_of(line);
	do {
		size_t n = wrapped_length(line, indent);
		if (!put_line(out, str_head(line, n), indent))
			return false;
		line = str_skip(line, n);
		while (line.n > 0 && line.p[0] == ' ')
			line = str_skip(line, 1);
		indent = next_indent;
	} while (line.n > 0);
	return true;
}

/* Takes a line off the text, without its end. */
static struct str take_line(struct str *text)
{
	size_t n = str_find(*text, '\n');
	struct str line = str_head(*text, n);
	*text = str_skip(*text, n + 1);
	return line.n > 0 && line.p[line.n - 1] == '\r' ? str_head(line, line.n - 1) : line;
}

bool dsn_text_paragraphs(struct buf *out, struct str text)
{
	while (text.n > 0)
		if (!put_wrapped(out, take_line(&text)))
			return false;
	return true;
}

/* --- what is returned --------------------------------------------------- */

/* Octets above ASCII stay as they are: old mail has them in all charsets. */
static bool put_header_line(struct buf *out, struct str line)
{
	line = str_head(line, DSN_LINE_MAX);
	uint8_t *to = buf_reserve(out, line.n);
	if (line.n > 0 && to == NULL)
		return false;
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];
		to[i] = (uint8_t)((c >= 0 && c < ' ' && c != '\t') || c == 0x7f ? '?' : c);
	}
	buf_commit(out, line.n);
	return end_line(out);
}

bool dsn_text_header(struct buf *out, struct str header)
{
	while (header.n > 0) {
		struct str line = take_line(&header);
		if (line.n == 0)
			return true; /* its end */
		if (!put_header_line(out, line))
			return false;
	}
	return true;
}

bool dsn_text_is_sound(struct str message)
{
	bool sound = message.n > 0;
	while (message.n > 0 && sound) {
		size_t n = str_find(message, '\n');
		struct str line = str_head(message, n);
		sound = n < message.n && n > 0 && n <= DSN_LINE_MAX + 1 &&
			str_find(line, '\r') == n - 1 && str_find(line, '\0') == n;
		message = str_skip(message, n + 1);
	}
	return sound;
}
