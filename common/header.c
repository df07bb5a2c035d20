/* SPDX-License-Identifier: ISC */
#include "common/header.h"

#include <stdio.h>
#include <time.h>

/* Octets of the line at the start of s, its line ending included. */
static size_t line_length(struct str s)
{
	size_t at = str_find(s, '\n');
	return at < s.n ? at + 1 : s.n;
}

static bool is_empty_line(struct str line)
{
	return str_eq(line, STR("\r\n")) || str_eq(line, STR("\n"));
}

static bool is_folded(struct str s)
{
	return s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t');
}

/* RFC 5322 §3.6.8: printable ASCII but the colon. */
static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '!' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

static void split_field(struct str whole, struct header_field *field)
{
	size_t colon = str_find(whole, ':');
	/* RFC 5322 §4.5: blanks before the colon are obsolete, but not unknown. */
	struct str name = str_trim(str_head(whole, colon));
	*field = (struct header_field){.whole = whole};
	if (colon == whole.n || !is_name(name)) {
		field->value = whole;
		return;
	}
	field->name = name;
	field->value = str_skip(whole, colon + 1);
}

bool header_next(struct str *rest, struct header_field *field)
{
	size_t n = line_length(*rest);
	if (n == 0 || is_empty_line(str_head(*rest, n)))
		return false;
	while (n < rest->n && is_folded(str_skip(*rest, n)))
		n += line_length(str_skip(*rest, n));
	split_field(str_head(*rest, n), field);
	*rest = str_skip(*rest, n);
	return true;
}

size_t header_length(struct str message)
{
	struct str rest = message;
	while (rest.n > 0) {
		size_t n = line_length(rest);
		bool last = is_empty_line(str_head(rest, n));
		rest = str_skip(rest, n);
		if (last)
			return message.n - rest.n;
	}
	return message.n;
}

bool header_put(struct buf *b, const char *name, struct str value)
{
	size_t name_length = strlen(name);
	size_t n = name_length + 2 + value.n + 2;
	uint8_t *p = buf_reserve(b, n);
	if (p == NULL)
		return false;
	memcpy(p, name, name_length);
	p += name_length;
	*p++ = ':';
	*p++ = ' ';
	for (size_t i = 0; i < value.n; i++) {
		uint8_t c = (uint8_t)value.p[i];
		*p++ = (c < ' ' && c != '\t') || c == 0x7f ? '?' : c;
	}
	*p++ = '\r';
	*p++ = '\n';
	buf_commit(b, n);
	return true;
}

void header_date(uint64_t ms, char out[HEADER_DATE_SIZE])
{
	/* Names as RFC 5322 wants them, whatever the locale says. */
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char day[4] = "", month[4] = "", rest[24];
	if (localtime_r(&seconds, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	memcpy(day, days + 3 * (tm.tm_wday % 7), 3);
	memcpy(month, months + 3 * (tm.tm_mon % 12), 3);
	strftime(rest, sizeof(rest), "%Y %H:%M:%S %z", &tm);
	snprintf(out, HEADER_DATE_SIZE, "%s, %d %s %s", day, tm.tm_mday, month, rest);
}
