/* SPDX-License-Identifier: ISC */
#include "common/utf8.h"

static uint8_t octet(struct str s, size_t i)
{
	return (uint8_t)s.p[i];
}

size_t utf8_decode(struct str s, uint32_t *code)
{
	/* For each length: the bits that mark the first octet, and the least number it is for. */
	static const struct {
		uint8_t mask;
		uint8_t mark;
		uint32_t least;
	} forms[] = {
	    {0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	if (s.n == 0)
		return 0;
	size_t n = 0;
	while (n < 4 && (octet(s, 0) & forms[n].mask) != forms[n].mark)
		n++;
	if (n == 4 || s.n < n + 1)
		return 0;
	uint32_t c = (uint32_t)octet(s, 0) & (uint32_t)~forms[n].mask & 0xff;
	for (size_t i = 1; i <= n; i++) {
		if ((octet(s, i) & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (octet(s, i) & 0x3f);
	}
	if (c < forms[n].least || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*code = c;
	return n + 1;
}

bool utf8_is_valid(struct str s)
{
	while (s.n > 0) {
		uint32_t code;
		size_t n = utf8_decode(s, &code);
		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

bool utf8_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (octet(s, i) > 127)
			return false;
	return true;
}

bool utf8_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200e && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}
