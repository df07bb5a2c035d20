/* SPDX-License-Identifier: ISC
 *
 * The schedule of restarts, over simulated time.
 */
#include "control/backoff.h"
#include "tests/unit/unit.h"


#define START 1000000u

START_TEST(failures_before_the_work_double)
{
	static const uint64_t expected[] = {
	    0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000};
	struct backoff b = {0};
	uint64_t now = START;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		now += 5; /* a short life */
		uint64_t delay = backoff_next(&b, now, 5, false);
		ck_assert_uint_eq(delay, expected[i]);
		now += delay;
	}
}
END_TEST

START_TEST(a_long_life_is_forgiven)
{
	struct backoff b = {0};
	for (int i = 0; i < 8; i++)
		backoff_next(&b, START, 5, false);
	ck_assert_uint_gt(backoff_next(&b, START, 59999, false), 0);
	ck_assert_uint_eq(backoff_next(&b, START, 60000, false), 0);
	ck_assert_uint_eq(backoff_next(&b, START, 5, false), 100);
}
END_TEST

START_TEST(reaching_the_work_is_forgiven)
{
	struct backoff b = {0};
	for (int i = 0; i < 8; i++)
		backoff_next(&b, START, 5, false);
	ck_assert_uint_eq(backoff_next(&b, START, 500, true), 0);
	ck_assert_uint_eq(backoff_next(&b, START, 5, false), 0);
	ck_assert_uint_eq(backoff_next(&b, START, 5, false), 100);
}
END_TEST

/* A test, or an attacker, that kills twice a second for an hour never makes it wait. */
START_TEST(killed_twice_a_second_it_always_comes_back_at_once)
{
	struct backoff b = {0};
	uint64_t now = START;
	for (int i = 0; i < 7200; i++) {
		now += 500;
		ck_assert_uint_eq(backoff_next(&b, now, 450, true), 0);
	}
}
END_TEST

START_TEST(dying_at_once_is_bounded)
{
	struct backoff b = {0};
	uint64_t now = START;
	unsigned starts = 0;
	while (now < START + 60 * 1000) {
		now += 10; /* reaches its work and dies of it */
		now += backoff_next(&b, now, 10, true);
		starts++;
	}
	ck_assert_uint_le(starts, BACKOFF_TOKENS + 60 * 1000 / BACKOFF_REFILL_MS + 1);
	ck_assert_uint_ge(starts, 60 * 1000 / BACKOFF_REFILL_MS);
	/* and the first quiet spell fills the bucket again */
	now += BACKOFF_TOKENS * BACKOFF_REFILL_MS + BACKOFF_REFILL_MS;
	for (int i = 0; i < BACKOFF_TOKENS; i++)
		ck_assert_uint_eq(backoff_next(&b, now, 10, true), 0);
	ck_assert_uint_gt(backoff_next(&b, now, 10, true), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("backoff");
	tcase_add_test(tc, failures_before_the_work_double);
	tcase_add_test(tc, a_long_life_is_forgiven);
	tcase_add_test(tc, reaching_the_work_is_forgiven);
	tcase_add_test(tc, killed_twice_a_second_it_always_comes_back_at_once);
	tcase_add_test(tc, dying_at_once_is_bounded);
	return unit_run_case("backoff", tc);
}
