/* SPDX-License-Identifier: ISC */
#include "common/queue-id.h"
#include "tests/unit/unit.h"

static const uint64_t limit = UINT64_C(7516865509350965248); /* 52^11 */

static const struct {
	uint64_t id;
	const char *text;
} rows[] = {
    {0, "00000000000"},
    {1, "00000000001"},
    {9, "00000000009"},
    {10, "0000000000B"},
    {51, "0000000000z"},
    {52, "00000000010"},
    {UINT64_C(7516865509350965247), "zzzzzzzzzzz"},
};

START_TEST(known_ids_have_known_text)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[QUEUE_ID_SIZE];
		uint64_t id = 4711;
		queue_id_format(rows[i].id, text);
		ck_assert_str_eq(text, rows[i].text);
		ck_assert(queue_id_parse(str_from_cstr(text), &id));
		ck_assert_uint_eq(id, rows[i].id);
	}
}
END_TEST

START_TEST(text_sorts_as_numbers_do_and_comes_back)
{
	uint64_t id = 12345;
	char before[QUEUE_ID_SIZE] = "";
	const unsigned step = unit_times(3000); /* larger ones there */
	for (int i = 0; i < 100000 && id < limit; i++, id += id / step + 1) {
		char text[QUEUE_ID_SIZE];
		uint64_t back;
		queue_id_format(id, text);
		ck_assert_int_gt(strcmp(text, before), 0);
		ck_assert(queue_id_parse(str_from_cstr(text), &back));
		ck_assert_uint_eq(back, id);
		memcpy(before, text, sizeof(text));
	}
}
END_TEST

static const struct str refused[] = {
    STR(""),
    STR("0"),
    STR("0000000000"),
    STR("000000000000"),
    STR("0000000000A"),
    STR("0000000000a"),
    STR("0000000000 "),
    STR("0000000000\0"),
    STR("\0\0\0\0\0\0\0\0\0\0\0"),
    STR("0000000000/"),
    STR("-0000000001"),
    STR("0000000000\xc3"),
};

START_TEST(other_text_is_refused)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		uint64_t id = 4711;
		struct str in = unit_copy(refused[i]);
		ck_assert_msg(!queue_id_parse(in, &id), "row %zu", i);
		ck_assert_uint_eq(id, 4711);
		unit_free(in);
	}
}
END_TEST

START_TEST(every_prefix_is_refused)
{
	const struct str whole = STR("00dZqkB8hG5");
	uint64_t id;
	for (size_t n = 0; n <= whole.n; n++) {
		struct str in = unit_copy(str_head(whole, n));
		ck_assert_int_eq(queue_id_parse(in, &id), n == whole.n);
		unit_free(in);
	}
}
END_TEST

START_TEST(there_are_no_words_in_ids)
{
	char text[QUEUE_ID_SIZE];
	for (uint64_t id = 0; id < 52; id++) {
		queue_id_format(id, text);
		ck_assert_ptr_null(strchr("AEIOUaeiou", text[10]));
	}
}
END_TEST

UNIT_MAIN("queue-id", known_ids_have_known_text, text_sorts_as_numbers_do_and_comes_back,
    other_text_is_refused, every_prefix_is_refused, there_are_no_words_in_ids)
