/* SPDX-License-Identifier: ISC */
#include "directory/usage.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOW = 1800000000, HOUR = 3600, DAY = 24 * HOUR };

static struct usage *u;

static void setup(void)
{
	u = usage_new();
}

static void teardown(void)
{
	usage_free(u);
}

static const struct str ann = {"uann@example.org", 16};
static const struct usage_limits limits = {.hour = 100, .day = 300};

/* What fits is sent. */
static enum usage_window offer(unsigned n, uint64_t now)
{
	enum usage_window w = usage_check(u, ann, &limits, n, now);
	if (w == USAGE_FITS)
		usage_add(u, ann, n, now);
	return w;
}

START_TEST(an_hour_and_a_day)
{
	ck_assert_int_eq(offer(100, NOW), USAGE_FITS);
	ck_assert_int_eq(offer(1, NOW), USAGE_HOUR);
	ck_assert_int_eq(offer(1, NOW + HOUR - 1), USAGE_HOUR);
	/* Half of the first hour's still counts half an hour later. */
	ck_assert_int_eq(offer(51, NOW + HOUR + HOUR / 2), USAGE_HOUR);
	ck_assert_int_eq(offer(50, NOW + HOUR + HOUR / 2), USAGE_FITS);
	ck_assert_int_eq(offer(100, NOW + 3 * HOUR), USAGE_FITS);
	ck_assert_int_eq(offer(51, NOW + 5 * HOUR), USAGE_DAY);
	ck_assert_int_eq(offer(50, NOW + 5 * HOUR), USAGE_FITS);
	ck_assert_int_eq(offer(1, NOW + 10 * HOUR), USAGE_DAY);
	ck_assert_int_eq(offer(100, NOW + 3 * DAY), USAGE_FITS);
}
END_TEST

START_TEST(no_limit)
{
	const struct usage_limits none = {0};
	usage_add(u, ann, 4000000000U, NOW);
	ck_assert_int_eq(usage_check(u, ann, &none, 4000000000U, NOW), USAGE_FITS);
}
END_TEST

/* In any hour, wherever it begins, at most twice the limit; over a long time, the limit. */
START_TEST(never_much_more_than_the_limit)
{
	uint64_t sent = 0;
	const struct usage_limits hour = {.hour = 100};
	for (uint64_t now = NOW; now < NOW + 10 * HOUR; now += 7)
		if (usage_check(u, ann, &hour, 1, now) == USAGE_FITS) {
			usage_add(u, ann, 1, now);
			sent++;
		}
	ck_assert_uint_ge(sent, 900);
	ck_assert_uint_le(sent, 1100);
}
END_TEST

START_TEST(the_operator_is_told_once)
{
	ck_assert(usage_is_news(u, ann, NOW));
	ck_assert(!usage_is_news(u, ann, NOW));
	ck_assert(!usage_is_news(u, ann, NOW + HOUR));
	ck_assert(usage_is_news(u, STR("ubob@example.org"), NOW));
	ck_assert(usage_is_news(u, ann, NOW + DAY));
}
END_TEST

START_TEST(a_clock_that_is_set_back)
{
	ck_assert_int_eq(offer(100, NOW), USAGE_FITS);
	ck_assert_int_eq(offer(100, NOW - DAY), USAGE_FITS);
	ck_assert_int_eq(offer(1, NOW - DAY), USAGE_HOUR);
	ck_assert_int_eq(offer(100, NOW + 3 * DAY), USAGE_FITS);
}
END_TEST

/* Strangers cannot make it grow, and who is busy stays known. */
START_TEST(bounded)
{
	char text[32];
	usage_add(u, ann, 100, NOW);
	for (unsigned i = 0; i < USAGE_ENTRIES_MAX + 1000; i++) {
		int n = snprintf(text, sizeof(text), "a%u", i);
		usage_add(u, str_from(text, (size_t)n), 1, NOW);
		if (i % 1000 == 0)
			ck_assert_int_eq(usage_check(u, ann, &limits, 1, NOW), USAGE_HOUR);
	}
	ck_assert_uint_eq(usage_count(u), USAGE_ENTRIES_MAX);
	ck_assert_int_eq(
	    usage_check(u, STR("a0"), &(struct usage_limits){.hour = 1}, 1, NOW), USAGE_FITS);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("usage");
	TCase *c = tcase_create("usage");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, an_hour_and_a_day);
	tcase_add_test(c, no_limit);
	tcase_add_test(c, never_much_more_than_the_limit);
	tcase_add_test(c, the_operator_is_told_once);
	tcase_add_test(c, a_clock_that_is_set_back);
	tcase_add_test(c, bounded);
	suite_add_tcase(s, c);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
