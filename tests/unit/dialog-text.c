/* SPDX-License-Identifier: ISC */
#include "tests/unit/dialog-text.h"

struct str dialog_word(struct str *s)
{
	*s = str_trim(*s);
	struct str w = str_head(*s, str_find(*s, ' '));
	*s = str_trim(str_skip(*s, w.n));
	return w;
}

unsigned dialog_number(struct str s)
{
	uint64_t v = 0;
	str_parse_u64(s, UINT32_MAX, &v);
	return (unsigned)v;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (ascii_lower(c) - 'a' + 10) & 15;
}

/* One escape at the start of s, which is behind the backslash; how much of s it took. */
static size_t unescape(struct buf *out, struct str s)
{
	static const char from[] = "rnt0\\", to[] = "\r\n\t\0\\";
	const char *at = memchr(from, s.p[0], sizeof(from) - 1);
	if (at != NULL) {
		buf_append(out, &to[at - from], 1);
		return 1;
	}
	if (s.p[0] == 'x' && s.n >= 3) {
		buf_append_u8(out, (uint8_t)(hex(s.p[1]) * 16 + hex(s.p[2])));
		return 3;
	}
	if (s.p[0] == '{') {
		size_t colon = str_find(s, ':'), end = str_find(s, '}');
		struct str text = str_skip(str_head(s, end), colon + 1);
		for (unsigned n = dialog_number(str_skip(str_head(s, colon), 1)); n > 0; n--)
			buf_append_str(out, text);
		return end + 1;
	}
	return 1;
}

void dialog_append_line(struct buf *out, struct str s)
{
	bool crlf = true;
	while (s.n > 0) {
		size_t n = str_find(s, '\\');
		buf_append_str(out, str_head(s, n));
		s = str_skip(s, n + 1);
		if (s.n == 0)
			break;
		if (s.n == 1 && s.p[0] == 'c') {
			crlf = false;
			break;
		}
		s = str_skip(s, unescape(out, s));
	}
	if (crlf)
		buf_append_str(out, STR("\r\n"));
}

bool dialog_fits(struct str line, struct str pattern)
{
	if (pattern.n >= 3 && memcmp(pattern.p + pattern.n - 3, "...", 3) == 0)
		return str_has_prefix(line, str_head(pattern, pattern.n - 3));
	return str_eq(line, pattern);
}
