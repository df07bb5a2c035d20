/* SPDX-License-Identifier: ISC */
#include "directory/telling.h"
#include "directory/usage.h"
#include "tests/unit/unit.h"

#include <stdio.h>

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

static const struct str ann = {"\x04" "ann@example.org", 16}, bob = {"\x04" "bob@example.org", 16};
static const struct usage_limits limits = {.hour = 100, .day = 300};
static const struct guess_source nowhere;

/* What fits is sent. */
static enum usage_window offer(unsigned n, uint64_t now)
{
	enum usage_window w = usage_check(u, ann, &limits, n, now);
	if (w == USAGE_FITS)
		usage_add(u, ann, &nowhere, n, now);
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
	usage_add(u, ann, &nowhere, 4000000000U, NOW);
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
			usage_add(u, ann, &nowhere, 1, now);
			sent++;
		}
	ck_assert_uint_ge(sent, 900);
	ck_assert_uint_le(sent, 1100);
}
END_TEST

static bool pass(struct str key, const char *client, enum usage_window window, uint64_t now)
{
	const struct guess_source from = guess_source_parse(str_from_cstr(client));
	const struct usage_passed passed = {.window = window, .limit = 100, .token = now | 1};
	return usage_pass(u, key, &from, &passed, 5, now);
}

START_TEST(the_operator_is_told_once)
{
	ck_assert(pass(ann, "", USAGE_HOUR, NOW));
	ck_assert(!pass(ann, "", USAGE_HOUR, NOW));
	ck_assert(!pass(ann, "", USAGE_DAY, NOW + HOUR));
	ck_assert(pass(bob, "", USAGE_HOUR, NOW));
	ck_assert(pass(ann, "", USAGE_HOUR, NOW + DAY));
	ck_assert(pass(ann, "", USAGE_HOUR, NOW)); /* a clock that was set back */
}
END_TEST

/* The one that waits longest; none is lost that was taken in vain, and none told twice. */
START_TEST(who_is_told_of)
{
	struct usage_report r;
	ck_assert_uint_eq(usage_take(u, false, NOW, &r), 0);
	usage_add(u, ann, &nowhere, 98, NOW - 60);
	ck_assert(pass(bob, "[192.0.2.9]", USAGE_DAY, NOW + 1));
	ck_assert(pass(ann, "[192.0.2.1]", USAGE_HOUR, NOW));
	ck_assert_uint_eq(usage_waiting(u), 2);
	ck_assert_uint_eq(usage_take(u, false, NOW + 2, &r), 1);
	ck_assert(str_eq(r.key, ann));
	ck_assert(r.waits);
	ck_assert_uint_eq(r.passed.recipients, 103);
	ck_assert_uint_eq(r.passed.since_s, NOW - 60);
	ck_assert_uint_eq(r.passed.when_s, NOW);
	ck_assert_uint_eq(r.passed.limit, 100);
	ck_assert_uint_eq(r.passed.token, NOW | 1);
	ck_assert_uint_eq(r.client_count, 1);
	ck_assert_uint_eq(usage_waiting(u), 1);
	usage_settle(u, false);
	ck_assert_uint_eq(usage_waiting(u), 2);
	ck_assert_uint_eq(usage_take(u, false, NOW + 2, &r), 1);
	ck_assert(str_eq(r.key, ann));
	usage_settle(u, true);
	ck_assert_uint_eq(usage_waiting(u), 1);
	ck_assert(pass(ann, "", USAGE_HOUR, NOW + DAY));
	ck_assert_uint_eq(usage_take(u, true, NOW + DAY, &r), 2);
	ck_assert(str_eq(r.key, bob));
	usage_settle(u, true);
	ck_assert_uint_eq(usage_take(u, true, NOW + DAY, &r), 0);
}
END_TEST

/* Of the hour before now, when some of what counts came in the window before this one. */
START_TEST(since_when)
{
	struct usage_report r;
	usage_add(u, ann, &nowhere, 100, NOW);
	ck_assert(pass(ann, "", USAGE_HOUR, NOW + HOUR + 60));
	ck_assert_uint_eq(usage_take(u, false, NOW + HOUR + 60, &r), 1);
	ck_assert_uint_eq(r.passed.since_s, NOW + 60);
	ck_assert_uint_eq(r.passed.recipients, 98 + 5);
}
END_TEST

static void take_one(void *ctx, const struct usage_report *r)
{
	*(struct usage_report *)ctx = *r;
}

START_TEST(clients_are_the_last_few)
{
	struct usage_report r;
	char text[32];
	for (unsigned i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "[192.0.2.%u]", i % 6);
		const struct guess_source from = guess_source_parse(str_from_cstr(text));
		usage_add(u, ann, &from, 1, NOW);
	}
	usage_each(u, NOW, take_one, &r);
	ck_assert_uint_eq(r.client_count, USAGE_CLIENTS);
	for (uint8_t i = 0; i < USAGE_CLIENTS; i++)
		ck_assert_uint_eq(r.clients[i].address[3], 3 - i);
	const struct guess_source again = guess_source_parse(STR("[192.0.2.1]"));
	usage_add(u, ann, &again, 1, NOW);
	usage_each(u, NOW, take_one, &r);
	ck_assert_uint_eq(r.clients[0].address[3], 1);
	ck_assert_uint_eq(r.clients[1].address[3], 3);
	ck_assert_uint_eq(r.clients[2].address[3], 2);
	ck_assert_uint_eq(r.clients[3].address[3], 0);
}
END_TEST

START_TEST(counts_are_set_back)
{
	ck_assert_int_eq(offer(100, NOW), USAGE_FITS);
	ck_assert(pass(ann, "", USAGE_HOUR, NOW));
	ck_assert_uint_eq(usage_release(u, STR("bob@example.org")), 0);
	ck_assert_int_eq(offer(1, NOW), USAGE_HOUR);
	ck_assert_uint_eq(usage_release(u, STR("ann@example.org")), 1);
	ck_assert_int_eq(offer(100, NOW), USAGE_FITS);
	ck_assert(pass(ann, "", USAGE_HOUR, NOW));
	usage_add(u, str_from("\x01\xc0\x00\x02\x07", 5), &nowhere, 1, NOW);
	usage_add(u, str_from("\x02\xc0\x00\x02", 4), &nowhere, 1, NOW);
	ck_assert_uint_eq(usage_release(u, STR("192.0.2.7")), 2); /* and its network */
	usage_add(u, str_from("\x01\xc0\x00\x02\x07", 5), &nowhere, 1, NOW);
	usage_add(u, str_from("\x02\xc0\x00\x02", 4), &nowhere, 1, NOW);
	ck_assert_uint_eq(usage_release(u, STR("192.0.2.0/24")), 1);
	ck_assert_uint_eq(usage_release(u, STR("")), 2);
	ck_assert_uint_eq(usage_count(u), 0);
}
END_TEST

/* ---- over a restart --------------------------------------------------------------- */

struct copying {
	struct usage *to, *part;
	unsigned records;
};

/* Each record whole, and every part of it, which is none. */
static bool copy_record(void *ctx, struct str key, struct str value)
{
	struct copying *c = ctx;
	ck_assert(usage_kept.load(c->to, key, value, (uint64_t)(NOW + 60) * 1000));
	ck_assert(!usage_kept.load(c->to, key, value, (uint64_t)NOW * 1000)); /* twice */
	for (size_t n = 0; n < value.n; n++)
		ck_assert(!usage_kept.load(c->part, key, str_head(value, n), (uint64_t)NOW * 1000));
	for (size_t n = 0; n < key.n && n < 2; n++)
		ck_assert(!usage_kept.load(c->part, str_head(key, n), value, (uint64_t)NOW * 1000));
	ck_assert(!usage_kept.load(c->part, STR("\x03" "123456"), value, (uint64_t)NOW * 1000));
	c->records++;
	return true;
}

static void copy(struct copying *c)
{
	*c = (struct copying){.to = usage_new(), .part = usage_new()};
	usage_kept.save(u, copy_record, c);
	ck_assert_uint_eq(usage_count(c->part), 0);
	usage_free(c->part);
}

START_TEST(all_of_it_is_kept)
{
	struct copying c;
	struct usage_report r;
	const struct guess_source v6 = guess_source_parse(STR("[IPv6:2001:db8::1]"));
	uint64_t before = usage_kept.changes(u);
	usage_add(u, ann, &nowhere, 90, NOW - 2 * HOUR);
	usage_add(u, ann, &v6, 60, NOW);
	ck_assert(pass(ann, "[192.0.2.1]", USAGE_DAY, NOW));
	usage_add(u, bob, &v6, 1, NOW);
	ck_assert_uint_gt(usage_kept.changes(u), before);
	ck_assert_uint_eq(usage_take(u, false, NOW, &r), 1); /* under way: not told yet */
	copy(&c);
	ck_assert_uint_eq(c.records, 2);
	ck_assert_int_eq(usage_check(c.to, ann, &limits, 40, NOW), USAGE_FITS);
	ck_assert_int_eq(usage_check(c.to, ann, &limits, 41, NOW), USAGE_HOUR);
	ck_assert_int_eq(usage_check(c.to, ann, &(struct usage_limits){.day = 151}, 2, NOW), USAGE_DAY);
	ck_assert_uint_eq(usage_take(c.to, false, NOW + 1, &r), 1);
	ck_assert(str_eq(r.key, ann));
	ck_assert_int_eq(r.passed.window, USAGE_DAY);
	ck_assert_uint_eq(r.passed.recipients, 155);
	ck_assert_uint_eq(r.passed.since_s, NOW - 2 * HOUR);
	ck_assert_uint_eq(r.passed.token, NOW | 1);
	ck_assert_uint_eq(r.client_count, 2);
	ck_assert_uint_eq(r.clients[0].size, 4);
	ck_assert_uint_eq(r.clients[1].size, 16);
	ck_assert_mem_eq(r.clients[1].address, v6.address, 16);
	usage_free(u);
	u = c.to;
	ck_assert(!pass(ann, "", USAGE_HOUR, NOW + HOUR));
}
END_TEST

static unsigned waits_after(uint64_t now)
{
	struct usage *to = usage_new();
	struct usage_report r;
	struct copying c = {.to = to, .part = usage_new()};
	usage_kept.save(u, copy_record, &c);
	unsigned n = (unsigned)usage_take(to, true, now, &r);
	usage_free(c.part);
	usage_free(to);
	return n;
}

START_TEST(who_is_told_of_is_kept)
{
	struct usage_report r;
	ck_assert(pass(ann, "", USAGE_HOUR, NOW));
	ck_assert_uint_eq(waits_after(NOW), 1);
	ck_assert_uint_eq(usage_take(u, false, NOW, &r), 1);
	ck_assert_uint_eq(waits_after(NOW), 1);
	usage_settle(u, true);
	ck_assert_uint_eq(waits_after(NOW), 0);
}
END_TEST

static bool load_later(void *ctx, struct str key, struct str value)
{
	return usage_kept.load(ctx, key, value, (uint64_t)(NOW + 3 * DAY) * 1000);
}

/* What counts no more is not taken up; what is to be told is. */
START_TEST(what_is_over_goes)
{
	struct usage *to = usage_new();
	usage_add(u, ann, &nowhere, 1, NOW);
	ck_assert(pass(bob, "", USAGE_HOUR, NOW));
	usage_kept.save(u, load_later, to);
	ck_assert_uint_eq(usage_count(to), 1);
	ck_assert_uint_eq(usage_waiting(to), 1);
	usage_free(to);
}
END_TEST

/* ---- how often -------------------------------------------------------------------- */

START_TEST(so_many_mails_an_hour)
{
	struct telling t = {0};
	uint64_t now = (uint64_t)NOW * 1000, wait;
	ck_assert_int_eq(telling_next(&t, 0, now, &wait), TELLING_NOTHING);
	ck_assert_uint_eq(wait, 0);
	for (unsigned i = 0; i < TELLINGS_PER_HOUR; i++) {
		ck_assert_int_eq(telling_next(&t, 30 - i, now, &wait), TELLING_ONE);
		telling_done(&t);
	}
	ck_assert_int_eq(telling_next(&t, 20, now + 60000, &wait), TELLING_NOTHING);
	ck_assert_uint_eq(wait, 59 * 60000);
	now += HOUR * 1000;
	/* Until it is done: the first try may be in vain. */
	ck_assert_int_eq(telling_next(&t, 20, now, &wait), TELLING_ALL);
	ck_assert_int_eq(telling_next(&t, 21, now + 60000, &wait), TELLING_ALL);
	telling_done(&t);
	for (unsigned i = 1; i < TELLINGS_PER_HOUR; i++) {
		ck_assert_int_eq(telling_next(&t, 1, now, &wait), TELLING_ONE);
		telling_done(&t);
	}
	ck_assert_int_eq(telling_next(&t, 1, now, &wait), TELLING_NOTHING);
	/* One that is left over is told of as such. */
	ck_assert_int_eq(telling_next(&t, 1, now + HOUR * 1000, &wait), TELLING_ONE);
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
	usage_add(u, ann, &nowhere, 100, NOW);
	for (unsigned i = 0; i < USAGE_ENTRIES_MAX + 1000; i++) {
		int n = snprintf(text, sizeof(text), "\x04%u", i);
		usage_add(u, str_from(text, (size_t)n), &nowhere, 1, NOW);
		if (i % 1000 == 0)
			ck_assert_int_eq(usage_check(u, ann, &limits, 1, NOW), USAGE_HOUR);
	}
	ck_assert_uint_eq(usage_count(u), USAGE_ENTRIES_MAX);
	ck_assert_int_eq(
	    usage_check(u, STR("\x04" "0"), &(struct usage_limits){.hour = 1}, 1, NOW), USAGE_FITS);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("usage");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, an_hour_and_a_day);
	tcase_add_test(c, no_limit);
	tcase_add_test(c, never_much_more_than_the_limit);
	tcase_add_test(c, the_operator_is_told_once);
	tcase_add_test(c, who_is_told_of);
	tcase_add_test(c, since_when);
	tcase_add_test(c, clients_are_the_last_few);
	tcase_add_test(c, counts_are_set_back);
	tcase_add_test(c, all_of_it_is_kept);
	tcase_add_test(c, who_is_told_of_is_kept);
	tcase_add_test(c, what_is_over_goes);
	tcase_add_test(c, so_many_mails_an_hour);
	tcase_add_test(c, a_clock_that_is_set_back);
	tcase_add_test(c, bounded);
	return unit_run_case("usage", c);
}
