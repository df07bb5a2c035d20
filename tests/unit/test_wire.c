/* SPDX-License-Identifier: ISC
 *
 * The octets themselves; that whole messages survive is tested in test_msg.c.
 */
#include "common/wire.h"
#include "tests/unit/unit.h"

#define ASSERT_OCTETS(b, ...)                                                                      \
	do {                                                                                       \
		static const uint8_t octets[] = {__VA_ARGS__};                                     \
		ck_assert_str(buf_str(b), str_from(octets, sizeof(octets)));                       \
	} while (0)

START_TEST(integers_are_big_endian)
{
	struct buf b = BUF_INIT(100);
	struct wire_writer w = {.buf = &b};
	wire_put_u8(&w, 0x01);
	wire_put_u16(&w, 0x0203);
	wire_put_u32(&w, 0x04050607);
	wire_put_u64(&w, 0x08090a0b0c0d0e0f);
	ck_assert(!w.failed);
	ASSERT_OCTETS(&b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	struct wire_reader r = {.p = buf_data(&b), .n = buf_len(&b)};
	ck_assert_uint_eq(wire_get_u8(&r), 0x01);
	ck_assert_uint_eq(wire_get_u16(&r), 0x0203);
	ck_assert_uint_eq(wire_get_u32(&r), 0x04050607);
	ck_assert(!wire_reader_done(&r)); /* octets are left over */
	ck_assert_uint_eq(wire_get_u64(&r), 0x08090a0b0c0d0e0f);
	ck_assert(wire_reader_done(&r));
	buf_release(&b);
}
END_TEST

START_TEST(strings_have_a_length_and_a_maximum)
{
	struct buf b = BUF_INIT(100);
	struct wire_writer w = {.buf = &b};
	wire_put_str(&w, STR("a\0b"), 3);
	ck_assert(!w.failed);
	ASSERT_OCTETS(&b, 0, 0, 0, 3, 'a', 0, 'b');
	wire_put_str(&w, STR("abcd"), 3);
	ck_assert(w.failed);
	ck_assert_uint_eq(buf_len(&b), 7);
	struct wire_reader r = {.p = buf_data(&b), .n = buf_len(&b)};
	ck_assert_str(wire_get_str(&r, 3), STR("a\0b"));
	ck_assert(wire_reader_done(&r));
	r = (struct wire_reader){.p = buf_data(&b), .n = buf_len(&b)};
	ck_assert_uint_eq(wire_get_str(&r, 2).n, 0);
	ck_assert(r.failed);
	buf_release(&b);
}
END_TEST

START_TEST(a_failed_reader_stays_failed_and_gives_zeros)
{
	static const uint8_t octets[] = {1, 2, 3, 4, 5};
	struct wire_reader r = {.p = octets, .n = 1};
	ck_assert_uint_eq(wire_get_u16(&r), 0);
	ck_assert(r.failed);
	ck_assert_uint_eq(wire_get_u8(&r), 0);
	ck_assert_uint_eq(wire_get_u64(&r), 0);
	ck_assert_ptr_null(wire_get_str(&r, 10).p);
	ck_assert(!wire_reader_done(&r));
}
END_TEST

START_TEST(lengths_that_lie_are_refused)
{
	static const struct {
		uint8_t octets[6];
		size_t n;
	} rows[] = {
	    {{0xff, 0xff, 0xff, 0xff, 'a', 'b'}, 6},
	    {{0, 0, 0, 3, 'a', 'b'}, 6},
	    {{0x80, 0, 0, 0}, 4},
	    {{0, 0, 0}, 3},
	    {{0}, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str in = unit_copy(str_from(rows[i].octets, rows[i].n));
		struct wire_reader r = {.p = (const uint8_t *)in.p, .n = in.n};
		ck_assert_ptr_null(wire_get_str(&r, SIZE_MAX).p);
		ck_assert(r.failed);
		unit_free(in);
	}
}
END_TEST

START_TEST(lists_are_counted_before_they_are_allocated)
{
	static const uint8_t octets[] = {0xff, 0xff, 1, 2, 3};
	static const uint8_t three[] = {0, 3, 1, 2, 3};
	struct pool *pool = pool_new(1000);
	size_t count;
	struct wire_reader r = {.p = octets, .n = sizeof(octets), .pool = pool};
	ck_assert_ptr_null(wire_get_list(&r, 65535, 8, &count));
	ck_assert(r.failed);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_eq(pool_used(pool), 0);
	r = (struct wire_reader){.p = three, .n = sizeof(three), .pool = pool};
	ck_assert_ptr_null(wire_get_list(&r, 2, 8, &count));
	ck_assert(r.failed);
	r = (struct wire_reader){.p = three, .n = sizeof(three), .pool = pool};
	ck_assert_ptr_null(wire_get_list(&r, 3, 1000, &count)); /* past the pool's ceiling */
	ck_assert(r.failed);
	r = (struct wire_reader){.p = three, .n = sizeof(three), .pool = pool};
	ck_assert_ptr_nonnull(wire_get_list(&r, 3, 8, &count));
	ck_assert(!r.failed);
	ck_assert_uint_eq(count, 3);
	pool_free(pool);
}
END_TEST

START_TEST(a_writer_stops_at_its_ceiling)
{
	struct buf b = BUF_INIT(5);
	struct wire_writer w = {.buf = &b};
	wire_put_u32(&w, 1);
	wire_put_u16(&w, 2);
	ck_assert(w.failed);
	wire_put_u8(&w, 3); /* would fit, but comes too late */
	ck_assert(w.failed);
	ck_assert_uint_eq(buf_len(&b), 4);
	w = (struct wire_writer){.buf = &b};
	wire_put_count(&w, 3, 2);
	ck_assert(w.failed);
	w = (struct wire_writer){.buf = &b};
	wire_put_count(&w, 65536, 100000);
	ck_assert(w.failed);
	buf_release(&b);
}
END_TEST

UNIT_MAIN("wire", integers_are_big_endian, strings_have_a_length_and_a_maximum,
    a_failed_reader_stays_failed_and_gives_zeros, lengths_that_lie_are_refused,
    lists_are_counted_before_they_are_allocated, a_writer_stops_at_its_ceiling)
