/* SPDX-License-Identifier: ISC */
#include "common/header.h"

#include <stdio.h>
#include <time.h>

/* Octets of the first line with its end. */
static size_t line_length(struct str s)
{
	size_t n = str_find(s, '\n');
	return n == s.n ? n : n + 1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_empty_line(struct str s)
{
	return s.n == 0 || s.p[0] == '\n' || str_has_prefix(s, STR("\r\n"));
}

/* RFC 5322 §2.2: printable ASCII but no blank. */
static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_print(s.p[i]) || s.p[i] == ' ')
			return false;
	return s.n > 0;
}

bool header_next(struct str *rest, struct header_field *field)
{
	struct str in = *rest;
	if (is_empty_line(in))
		return false;
	size_t line = line_length(in);
	size_t n = line;
	while (n < in.n && is_blank(in.p[n]))
		n += line_length(str_skip(in, n));
	*field = (struct header_field){.whole = str_head(in, n)};
	size_t colon = str_find(str_head(in, line), ':');
	/* Blanks before the colon are obsolete syntax that is to be understood (RFC 5322 §4.5.8);
	 * but a line that begins with one continues something that is not there. */
	struct str name = is_blank(in.p[0]) ? (struct str){NULL, 0} : str_trim(str_head(in, colon));
	if (colon < line && is_name(name)) {
		field->name = name;
		field->value = str_skip(field->whole, colon + 1);
	}
	*rest = str_skip(in, n);
	return true;
}

size_t header_length(struct str message)
{
	struct str rest = message;
	while (!is_empty_line(rest))
		rest = str_skip(rest, line_length(rest));
	return message.n - rest.n + line_length(rest);
}

static bool is_plain(char c)
{
	return c == '\t' || ((uint8_t)c >= ' ' && c != 0x7f);
}

bool header_put(struct buf *b, const char *name, struct str value)
{
	size_t name_length = strlen(name);
	size_t n = name_length + 2 + value.n + 2;
	char *to = (char *)buf_reserve(b, n);
	if (to == NULL)
		return false;
	memcpy(to, name, name_length);
	to += name_length;
	*to++ = ':';
	*to++ = ' ';
	for (size_t i = 0; i < value.n; i++)
		*to++ = is_plain(value.p[i]) ? value.p[i] : '?';
	memcpy(to, "\r\n", 2);
	buf_commit(b, n);
	return true;
}

void header_date(uint64_t ms, char out[HEADER_DATE_SIZE])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	static const uint64_t last = 253402300799 - 86400; /* four digits of a year, in any zone */
	uint64_t seconds = ms / 1000;
	time_t t = (time_t)(seconds < last ? seconds : last);
	struct tm tm = {0};
	localtime_r(&t, &tm);
	long offset = tm.tm_gmtoff / 60;
	unsigned minutes = (unsigned)(offset < 0 ? -offset : offset) % (100 * 60);
	snprintf(out, HEADER_DATE_SIZE, "%s, %d %s %d %02d:%02d:%02d %c%02u%02u",
	    days[tm.tm_wday % 7], tm.tm_mday, months[tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}
