/* SPDX-License-Identifier: ISC */
#include "smtpd/parameter.h"
#include "common/utf8.h"

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

bool parameter_is_text(struct str s)
{
	while (s.n > 0) {
		uint32_t code;
		size_t n = utf8_decode(s, &code);
		if (n == 0 || utf8_is_control(code))
			return false;
		s = str_skip(s, n);
	}
	return true;
}
