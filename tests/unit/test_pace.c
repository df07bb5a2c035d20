/* SPDX-License-Identifier: ISC
 *
 * No hour has more than the rate, wherever it begins and however greedy or bursty
 * the taker; and over many hours nearly all of the rate can be had.
 */
#include "queue/pace.h"
#include "tests/unit/unit.h"


#define HOUR UINT64_C(3600000)

enum { STARTS = 400000 };

static uint64_t starts[STARTS];
static size_t count;

/* The hour that ends with the last start. */
static void take(struct pace *p, uint64_t now)
{
	ck_assert_uint_lt(count, STARTS);
	starts[count++] = now;
	pace_spend(p, now);
	if (count > p->rate)
		ck_assert_uint_ge(now - starts[count - 1 - p->rate], HOUR);
}

static void take_all(struct pace *p, uint64_t now)
{
	while (pace_is_open(p, now))
		take(p, now);
}

static const unsigned rates[] = {1, 2, 7, 59, 60, 61, 1000, 3599, 3600, 3601, 36000};

/* Looks once a second, as the scheduler's heap does. */
START_TEST(greedy_taker_gets_the_rate_and_never_more)
{
	const unsigned rate = rates[_i], hours = unit_wants_few_rounds() ? 2 : 10;
	struct pace p = {0};
	pace_set_rate(&p, rate);
	count = 0;
	for (uint64_t now = 12345; now < 12345 + hours * HOUR; now += 1000)
		take_all(&p, now);
	ck_assert_uint_le(count, (size_t)rate * hours);
	ck_assert_uint_ge(count + 1 + (size_t)rate * hours / 1800, (size_t)rate * hours);
}
END_TEST

START_TEST(bursts_at_any_time_never_get_more)
{
	const unsigned rate = rates[_i];
	struct pace p = {0};
	uint64_t now = 1, chance = 88172645463325252 + (uint64_t)_i;
	pace_set_rate(&p, rate);
	count = 0;
	while (now < 20 * HOUR && count + rate < STARTS) {
		chance ^= chance << 13;
		chance ^= chance >> 7;
		chance ^= chance << 17;
		now += chance % (chance & 64 ? 3 * HOUR / rate + 2 : 2 * HOUR);
		take_all(&p, now);
	}
	ck_assert_uint_gt(count, 5);
}
END_TEST

START_TEST(it_opens_when_it_says)
{
	struct pace p = {0};
	pace_set_rate(&p, rates[_i]);
	uint64_t now = 5000;
	for (int i = 0; i < (int)unit_times(1000); i++) {
		take_all(&p, now);
		now = pace_opens_at(&p);
		ck_assert(!pace_is_open(&p, now - 1));
		ck_assert(pace_is_open(&p, now));
		ck_assert(!pace_is_full(&p, now));
		if (count > STARTS / 2)
			count = 0;
	}
	ck_assert(pace_is_full(&p, now + HOUR + PACE_SLACK_MS));
}
END_TEST

START_TEST(without_a_rate_it_is_always_open)
{
	struct pace p = {0};
	for (int i = 0; i < 1000; i++) {
		ck_assert(pace_is_open(&p, 0));
		pace_spend(&p, 0);
	}
	ck_assert(pace_is_full(&p, 0));
}
END_TEST

START_TEST(the_same_rate_again_changes_nothing)
{
	struct pace p = {0};
	pace_set_rate(&p, 1);
	pace_spend(&p, 1000);
	ck_assert(!pace_is_open(&p, 1000));
	pace_set_rate(&p, 1);
	ck_assert(!pace_is_open(&p, 1000));
	pace_set_rate(&p, 2);
	ck_assert(pace_is_open(&p, 1000));
}
END_TEST

/* A program that is started again and again, and spends what it has at once. */
START_TEST(restarts_give_no_tokens)
{
	uint64_t now = 1000;
	count = 0;
	for (int i = 0; i < 200 && count + rates[_i] < STARTS; i++) {
		struct pace p = {0};
		pace_set_rate(&p, rates[_i]);
		pace_was_empty(&p, now);
		ck_assert(!pace_is_open(&p, now));
		for (int k = 0; k < 30; k++, now += 1000)
			take_all(&p, now);
	}
	struct pace p = {0};
	pace_set_rate(&p, rates[_i]);
	pace_was_empty(&p, now);
	ck_assert(pace_is_open(&p, now + HOUR + PACE_SLACK_MS)); /* who comes later does not wait */
}
END_TEST

int main(void)
{
	/* The last and greatest takes as long as all others, and does the same more often. */
	const int n = (int)(sizeof(rates) / sizeof(rates[0])) - (unit_wants_few_rounds() ? 1 : 0);
	TCase *c = tcase_create("pace");
	tcase_add_loop_test(c, greedy_taker_gets_the_rate_and_never_more, 0, n);
	tcase_add_loop_test(c, bursts_at_any_time_never_get_more, 0, n);
	tcase_add_loop_test(c, it_opens_when_it_says, 0, n);
	tcase_add_loop_test(c, restarts_give_no_tokens, 0, n);
	tcase_add_test(c, without_a_rate_it_is_always_open);
	tcase_add_test(c, the_same_rate_again_changes_nothing);
	return unit_run_case("pace", c);
}
