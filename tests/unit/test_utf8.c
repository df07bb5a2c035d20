/* SPDX-License-Identifier: ISC */
#include "common/utf8.h"
#include "tests/unit/unit.h"

/* RFC 3629's definition, written the other way round. */
static size_t encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(marks[n] | c);
	return n;
}

static bool is_decoded(uint32_t c)
{
	char text[4];
	uint32_t got = 0;
	size_t n = encode(c, text);
	bool valid = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
	for (size_t cut = 0; cut < n; cut++)
		if (utf8_decode(str_from(text, cut), &got) != 0)
			return false;
	return utf8_decode(str_from(text, n), &got) == (valid ? n : 0) && (!valid || got == c);
}

START_TEST(every_character_is_decoded)
{
	for (uint32_t c = 0; c <= 0x110000; c++)
		if (!is_decoded(c))
			ck_abort_msg("U+%04X", c);
}
END_TEST

static const struct str invalid[] = {
    STR("\x80"),
    STR("\xbf"),
    STR("\xc0\x80"),
    STR("\xc1\xbf"),
    STR("\xe0\x80\x80"),
    STR("\xe0\x9f\xbf"),
    STR("\xf0\x80\x80\x80"),
    STR("\xf0\x8f\xbf\xbf"),
    STR("\xf4\x90\x80\x80"),
    STR("\xf5\x80\x80\x80"),
    STR("\xf8\x88\x80\x80\x80"),
    STR("\xfe"),
    STR("\xff"),
    STR("\xed\xa0\x80"),
    STR("\xc3("),
    STR("\xe2\x82("),
    STR("\xf0\x9f\x98("),
    STR("\xc3\xc3"),
    STR("abc\xc3"),
};

START_TEST(what_is_not_utf8_is_refused)
{
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		struct str in = unit_copy(invalid[i]);
		ck_assert_msg(!utf8_is_valid(in), "row %zu", i);
		unit_free(in);
	}
	ck_assert(utf8_is_valid(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0b")));
	ck_assert(utf8_is_valid((struct str){NULL, 0}));
	ck_assert(utf8_is_ascii(STR("a\x7f\0")));
	ck_assert(!utf8_is_ascii(STR("a\x80")));
}
END_TEST

START_TEST(controls_are_known)
{
	static const uint32_t controls[] = {
	    0, 10, 31, 127, 0x80, 0x9f, 0x202e, 0x2028, 0x2066, 0xfeff};
	static const uint32_t others[] = {32, 126, 0xa0, 0xe9, 0x200d, 0x20ac, 0x1f600};
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
		ck_assert(utf8_is_control(controls[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert(!utf8_is_control(others[i]));
}
END_TEST

UNIT_MAIN("utf8", every_character_is_decoded, what_is_not_utf8_is_refused, controls_are_known)
