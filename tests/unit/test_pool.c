/* SPDX-License-Identifier: ISC */
#include "common/pool.h"
#include "tests/unit/unit.h"

#include <stdalign.h>

static bool is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

START_TEST(memory_is_zeroed_aligned_and_distinct)
{
	enum { COUNT = 300 };
	struct pool *pool = pool_new(10 * 1024 * 1024);
	unsigned char *got[COUNT];
	size_t sizes[COUNT];
	/* Twice, so that memory which was in use comes again after the reset. */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT; i++) {
			sizes[i] = i * i % 700 + (i % 50 == 49 ? 100000 : 0);
			got[i] = pool_alloc(pool, sizes[i]);
			ck_assert_ptr_nonnull(got[i]);
			ck_assert_uint_eq((uintptr_t)got[i] % alignof(max_align_t), 0);
			ck_assert(is_zero(got[i], sizes[i]));
			memset(got[i], (int)i, sizes[i]);
		}
		size_t wrong = 0;
		for (size_t i = 0; i < COUNT; i++)
			for (size_t k = 0; k < sizes[i]; k++)
				wrong += got[i][k] != (i & 0xff);
		ck_assert_uint_eq(wrong, 0);
		pool_reset(pool);
		ck_assert_uint_eq(pool_used(pool), 0);
	}
	pool_free(pool);
}
END_TEST

START_TEST(the_ceiling_holds)
{
	struct pool *pool = pool_new(1000);
	ck_assert_ptr_null(pool_alloc(pool, 1001));
	ck_assert_ptr_null(pool_alloc(pool, SIZE_MAX));
	ck_assert_ptr_null(pool_alloc(pool, SIZE_MAX - 8));
	size_t handed_out = 0;
	while (pool_alloc(pool, 16) != NULL)
		handed_out += 16;
	ck_assert_uint_ge(handed_out, 900);
	ck_assert_uint_le(handed_out, 1000);
	ck_assert_uint_le(pool_used(pool), 1000);
	pool_reset(pool);
	ck_assert_ptr_nonnull(pool_alloc(pool, 1000));
	ck_assert_ptr_null(pool_alloc(pool, 1));
	pool_free(pool);
}
END_TEST

START_TEST(arrays_do_not_overflow)
{
	struct pool *pool = pool_new(SIZE_MAX);
	ck_assert_ptr_null(pool_array(pool, SIZE_MAX / 2, 3));
	ck_assert_ptr_null(pool_array(pool, SIZE_MAX, SIZE_MAX));
	ck_assert_ptr_nonnull(pool_array(pool, 0, 8));
	ck_assert_ptr_nonnull(pool_array(pool, 7, 8));
	pool_free(pool);
}
END_TEST

START_TEST(copies_are_whole_or_refused)
{
	struct pool *pool = pool_new(100);
	struct str out = STR("untouched");
	char eighty[80];
	memset(eighty, 'x', sizeof(eighty));
	ck_assert(pool_copy(pool, STR("ab\0c"), &out));
	ck_assert_str(out, STR("ab\0c"));
	ck_assert(pool_copy(pool, (struct str){NULL, 0}, &out));
	ck_assert_uint_eq(out.n, 0);
	ck_assert_str_eq(pool_cstr(pool, STR("xyz")), "xyz");
	out = STR("untouched");
	ck_assert(!pool_copy(pool, str_from(eighty, sizeof(eighty)), &out));
	ck_assert_str(out, STR("untouched"));
	ck_assert_ptr_null(pool_cstr(pool, str_from(eighty, sizeof(eighty))));
	ck_assert_ptr_null(pool_cstr(pool, (struct str){eighty, SIZE_MAX}));
	pool_free(pool);
	pool_free(NULL);
}
END_TEST

UNIT_MAIN("pool", memory_is_zeroed_aligned_and_distinct, the_ceiling_holds, arrays_do_not_overflow,
    copies_are_whole_or_refused)
