/* SPDX-License-Identifier: ISC */
#include "smtpd/parameter.h"

static enum smtp_status take(
    const struct parameter *row, struct smtp_server *s, struct str word, size_t equals)
{
	bool has_value = equals < word.n;
	struct str value = str_skip(word, equals + 1);
	if (has_value != row->has_value || (has_value && value.n == 0))
		return STATUS_BAD_PARAMETER;
	return row->take(s, value);
}

enum smtp_status parameter_take_all(
    const struct parameter *rows, size_t count, struct smtp_server *s, struct str text)
{
	unsigned seen = 0;
	while (text.n > 0) {
		struct str word = str_head(text, str_find(text, ' '));
		size_t equals = str_find(word, '=');
		size_t i = 0;
		while (i < count && !str_caseeq(str_head(word, equals), rows[i].keyword))
			i++;
		if (i == count)
			return STATUS_UNKNOWN_PARAMETER;
		if (seen & 1U << i)
			return STATUS_BAD_PARAMETER;
		seen |= 1U << i;
		enum smtp_status status = take(&rows[i], s, word, equals);
		if (status != STATUS_NONE)
			return status;
		text = str_trim(str_skip(text, word.n));
	}
	return STATUS_NONE;
}

/* Octets of the well-formed character at the start of s (Unicode table 3-7), 0 when there is none.
 */
static size_t utf8_length(struct str s)
{
	unsigned char a = (unsigned char)s.p[0];
	unsigned char b = s.n > 1 ? (unsigned char)s.p[1] : 0;
	size_t n = a < 0x80 ? 1 : a < 0xC2 ? 0 : a < 0xE0 ? 2 : a < 0xF0 ? 3 : a < 0xF5 ? 4 : 0;
	if (n > s.n)
		return 0;
	if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F) || (a == 0xF0 && b < 0x90) ||
	    (a == 0xF4 && b > 0x8F))
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s.p[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

bool parameter_is_text(struct str s)
{
	while (s.n > 0) {
		size_t n = utf8_length(s);
		if (n == 0 || (n == 1 && !ascii_is_print(s.p[0])))
			return false;
		s = str_skip(s, n);
	}
	return true;
}
