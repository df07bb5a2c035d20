/* SPDX-License-Identifier: ISC */
#include "common/str.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static const struct str none = {NULL, 0};

START_TEST(parts_never_reach_past_the_end)
{
	struct str s = STR("abc");
	ck_assert_str(str_skip(s, 1), STR("bc"));
	ck_assert_str(str_skip(s, 3), none);
	ck_assert_str(str_skip(s, 4), none);
	ck_assert_str(str_skip(s, SIZE_MAX), none);
	ck_assert_str(str_head(s, 2), STR("ab"));
	ck_assert_str(str_head(s, 4), s);
	ck_assert_str(str_skip(none, 0), none);
	ck_assert_str(str_head(none, 5), none);
	ck_assert_uint_eq(str_from_cstr(NULL).n, 0);
}
END_TEST

static const struct {
	struct str a, b;
	bool equal, caseequal, prefix, caseprefix; /* prefix: b is one of a */
} comparisons[] = {
    {STR("abc"), STR("abc"), true, true, true, true},
    {STR("abc"), STR("aBC"), false, true, false, true},
    {STR("abc"), STR("ab"), false, false, true, true},
    {STR("ABC"), STR("ab"), false, false, false, true},
    {STR("ab"), STR("abc"), false, false, false, false},
    {STR("a\0b"), STR("a\0b"), true, true, true, true},
    {STR("a\0b"), STR("a\0c"), false, false, false, false},
    {STR("\xc3\xa9"), STR("\xc3\x89"), false, false, false, false},
    {STR("@["), STR("`{"), false, false, false, false}, /* 32 apart, but no letters */
    {STR("x"), {NULL, 0}, false, false, true, true},
    {{NULL, 0}, STR(""), true, true, true, true},
};

START_TEST(comparisons_take_bytes_for_what_they_are)
{
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
		struct str a = comparisons[i].a;
		struct str b = comparisons[i].b;
		ck_assert_msg(str_eq(a, b) == comparisons[i].equal, "row %zu", i);
		ck_assert_msg(str_caseeq(a, b) == comparisons[i].caseequal, "row %zu", i);
		ck_assert_msg(str_has_prefix(a, b) == comparisons[i].prefix, "row %zu", i);
		ck_assert_msg(str_has_caseprefix(a, b) == comparisons[i].caseprefix, "row %zu", i);
	}
}
END_TEST

START_TEST(finding_says_n_when_there_is_none)
{
	ck_assert_uint_eq(str_find(STR("a.b.c"), '.'), 1);
	ck_assert_uint_eq(str_rfind(STR("a.b.c"), '.'), 3);
	ck_assert_uint_eq(str_find(STR("abc"), '.'), 3);
	ck_assert_uint_eq(str_rfind(STR("abc"), '.'), 3);
	ck_assert_uint_eq(str_find(STR("a\0b"), '\0'), 1);
	ck_assert_uint_eq(str_find(STR("a\xff"), '\xff'), 1);
	ck_assert_uint_eq(str_find(none, 'x'), 0);
	ck_assert_uint_eq(str_rfind(none, 'x'), 0);
}
END_TEST

START_TEST(trimming_takes_blanks_and_tabs_only)
{
	ck_assert_str(str_trim(STR(" \ta b\t ")), STR("a b"));
	ck_assert_str(str_trim(STR("\r\n")), STR("\r\n"));
	ck_assert_str(str_trim(STR(" \t ")), none);
	ck_assert_str(str_trim(none), none);
}
END_TEST

static const struct {
	struct str in;
	uint64_t max;
	bool ok;
	uint64_t value;
} numbers[] = {
    {STR("0"), 0, true, 0}, {STR("007"), 10, true, 7}, {STR("10"), 10, true, 10},
    {STR("11"), 10, false, 0}, {STR("18446744073709551615"), UINT64_MAX, true, UINT64_MAX},
    {STR("18446744073709551616"), UINT64_MAX, false, 0},
    {STR("99999999999999999999999999"), UINT64_MAX, false, 0}, {STR(""), 10, false, 0},
    {STR("-1"), 10, false, 0}, {STR("+1"), 10, false, 0}, {STR(" 1"), 10, false, 0},
    {STR("1 "), 10, false, 0}, {STR("1\0"), 10, false, 0}, {STR("0x1"), 10, false, 0},
    {STR("\xd9\xa1"), 10, false, 0}, /* ARABIC-INDIC DIGIT ONE */
};

START_TEST(numbers_are_digits_within_bounds)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t v = 4711;
		struct str in = unit_copy(numbers[i].in);
		bool ok = str_parse_u64(in, numbers[i].max, &v);
		ck_assert_msg(ok == numbers[i].ok, "row %zu", i);
		ck_assert_uint_eq(v, ok ? numbers[i].value : 4711);
		unit_free(in);
	}
}
END_TEST

START_TEST(lines_are_taken_one_by_one)
{
	struct str text = STR("a\n\nb");
	ck_assert(str_eq(str_take_line(&text), STR("a")) && str_eq(text, STR("\nb")));
	ck_assert(str_eq(str_take_line(&text), STR("")) && str_eq(text, STR("b")));
	ck_assert(str_eq(str_take_line(&text), STR("b")) && text.n == 0);
	ck_assert(str_take_line(&text).n == 0 && text.n == 0);
}
END_TEST

START_TEST(a_heap_copy_ends_in_nul)
{
	char *c = str_dup(STR("ab"));
	ck_assert_str_eq(c, "ab");
	free(c);
	c = str_dup(none);
	ck_assert_str_eq(c, "");
	free(c);
}
END_TEST

START_TEST(character_classes_are_ascii)
{
	for (int i = 0; i < 256; i++) {
		char c = (char)(unsigned char)i;
		bool digit = i >= '0' && i <= '9';
		bool alpha = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
		ck_assert(ascii_is_digit(c) == digit);
		ck_assert(ascii_is_alpha(c) == alpha);
		ck_assert(ascii_is_alnum(c) == (digit || alpha));
		ck_assert(ascii_is_print(c) == (i >= 32 && i <= 126));
		ck_assert(ascii_shown(c) == (i >= 32 && i <= 126 ? c : '?'));
		ck_assert(ascii_lower(c) == (i >= 'A' && i <= 'Z' ? (char)(i + 32) : c));
	}
}
END_TEST

UNIT_MAIN("str", parts_never_reach_past_the_end, comparisons_take_bytes_for_what_they_are,
    finding_says_n_when_there_is_none, trimming_takes_blanks_and_tabs_only,
    numbers_are_digits_within_bounds, lines_are_taken_one_by_one, a_heap_copy_ends_in_nul, character_classes_are_ascii)
