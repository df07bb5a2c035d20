/* SPDX-License-Identifier: ISC */
#include "common/buf.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

START_TEST(bytes_come_out_as_they_went_in)
{
	struct buf b = BUF_INIT(100000);
	uint8_t in = 0;
	uint8_t expected = 0;
	/* Lengths that make it move, grow and wrap; more in than out, then the reverse. */
	const unsigned half = unit_times(1000);
	for (unsigned round = 0; round < 2 * half; round++) {
		size_t put = (round * 7919) % (round < half ? 97 : 31);
		size_t take = (round * 104729) % (round < half ? 31 : 97);
		for (size_t i = 0; i < put; i++)
			ck_assert(buf_append_u8(&b, in++));
		for (size_t i = 0; i < take && buf_len(&b) > 0; i++) {
			ck_assert_uint_eq(buf_data(&b)[0], expected++);
			buf_consume(&b, 1);
		}
	}
	while (buf_len(&b) > 0) {
		ck_assert_uint_eq(buf_data(&b)[0], expected++);
		buf_consume(&b, 1);
	}
	ck_assert_uint_eq(in, expected);
	buf_release(&b);
}
END_TEST

START_TEST(the_ceiling_is_exact)
{
	struct buf b = BUF_INIT(10);
	ck_assert(buf_append(&b, "0123456789", 10));
	ck_assert(!buf_append_u8(&b, 'x'));
	ck_assert(!buf_append(&b, "x", 1));
	ck_assert_ptr_null(buf_reserve(&b, 1));
	ck_assert_str(buf_str(&b), STR("0123456789"));
	buf_consume(&b, 4);
	ck_assert(buf_append_str(&b, STR("abcd")));
	ck_assert(!buf_append_u8(&b, 'x'));
	ck_assert_str(buf_str(&b), STR("456789abcd"));
	buf_release(&b);
	ck_assert(!buf_append(&b, "0123456789a", 11));
	ck_assert_uint_eq(buf_len(&b), 0);
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
	buf_release(&b);
}
END_TEST

START_TEST(nothing_is_nothing)
{
	struct buf b = BUF_INIT(10);
	ck_assert(buf_append(&b, NULL, 0));
	ck_assert_ptr_null(buf_data(&b));
	ck_assert_uint_eq(buf_str(&b).n, 0);
	buf_consume(&b, 5);
	ck_assert_ptr_nonnull(buf_reserve(&b, 0));
	buf_release(&b);
	buf_release(&b);
	ck_assert_uint_eq(b.max, 10);
}
END_TEST

START_TEST(consuming_more_than_there_is_empties)
{
	struct buf b = BUF_INIT(10);
	ck_assert(buf_append(&b, "abc", 3));
	buf_consume(&b, SIZE_MAX);
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_release(&b);
}
END_TEST

START_TEST(printf_appends_all_or_nothing)
{
	struct buf b = BUF_INIT(8);
	ck_assert(buf_printf(&b, "%d-%s", 12, "ab"));
	ck_assert_str(buf_str(&b), STR("12-ab"));
	ck_assert(!buf_printf(&b, "%s", "xxxx"));
	ck_assert_str(buf_str(&b), STR("12-ab"));
	ck_assert(buf_printf(&b, "%s", "xyz"));
	ck_assert_str(buf_str(&b), STR("12-abxyz"));
	ck_assert(buf_printf(&b, "%s", ""));
	buf_release(&b);
}
END_TEST

START_TEST(reserve_then_commit)
{
	struct buf b = BUF_INIT(1000);
	uint8_t *p = buf_reserve(&b, 600);
	memset(p, 'x', 600);
	buf_commit(&b, 3);
	ck_assert_str(buf_str(&b), STR("xxx"));
	ck_assert_ptr_nonnull(buf_reserve(&b, 997));
	ck_assert_ptr_null(buf_reserve(&b, 998));
	ck_assert_str(buf_str(&b), STR("xxx"));
	buf_release(&b);
}
END_TEST

START_TEST(what_is_appended_may_be_in_the_buffer_of_another)
{
	struct buf a = BUF_INIT(100);
	struct buf b = BUF_INIT(100);
	ck_assert(buf_append(&a, "hello", 5));
	ck_assert(buf_append_str(&b, buf_str(&a)));
	buf_reset(&a);
	ck_assert_uint_eq(buf_len(&a), 0);
	ck_assert_str(buf_str(&b), STR("hello"));
	buf_release(&a);
	buf_release(&b);
}
END_TEST

UNIT_MAIN("buf", bytes_come_out_as_they_went_in, the_ceiling_is_exact, nothing_is_nothing,
    consuming_more_than_there_is_empties, printf_appends_all_or_nothing, reserve_then_commit,
    what_is_appended_may_be_in_the_buffer_of_another)
