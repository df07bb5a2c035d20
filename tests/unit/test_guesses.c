/* SPDX-License-Identifier: ISC */
#include "directory/guesses.h"
#include "common/mem.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define SECOND ((uint64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define ANN    STR("ann@example.org")
#define BOB    STR("bob@example.org")

static const struct guess_limits limits = {
    .address_failures = 10, .login_failures = 20, .refuse_ms = 15 * MINUTE, .forget_ms = HOUR};
static struct guesses *g;
static uint64_t now;
static uint64_t next_attempt;

static void setup(void)
{
	now = 1795471974000;
	next_attempt = 1;
	g = guesses_new(&limits);
}

static void teardown(void)
{
	guesses_free(g);
}

static struct guess_source at(const char *client)
{
	return guess_source_parse(str_from_cstr(client));
}

static unsigned failed_at(const char *client, struct str login)
{
	struct guess_source from = at(client);
	return guesses_failed(g, &from, login, ++next_attempt, now);
}

static bool may(const char *client, struct str login)
{
	struct guess_source from = at(client);
	return guesses_may_try(g, &from, login, now);
}

static void succeed(const char *client, struct str login)
{
	struct guess_source from = at(client);
	guesses_succeeded(g, &from, login, now);
}

START_TEST(sources)
{
	ck_assert_uint_eq(at("[192.0.2.1]").size, 4);
	ck_assert_uint_eq(at("[IPv6:2001:db8::1]").size, 16);
	ck_assert_uint_eq(at("local uid 1000").size, 0);
	ck_assert_uint_eq(at("[192.0.2.1").size, 0);
	ck_assert_uint_eq(at("[]").size, 0);
	ck_assert_uint_eq(at("").size, 0);
}
END_TEST

START_TEST(delays_grow_and_then_nothing_is_tried)
{
	unsigned before = 0;
	for (unsigned i = 0; i < 10; i++) {
		ck_assert(may("[192.0.2.1]", ANN));
		unsigned delay = failed_at("[192.0.2.1]", ANN);
		ck_assert_uint_ge(delay, before);
		ck_assert_uint_ge(delay, GUESS_DELAY_FIRST_MS);
		ck_assert_uint_le(delay, GUESS_DELAY_MAX_MS);
		before = delay;
	}
	ck_assert_uint_eq(before, GUESS_DELAY_MAX_MS);
	ck_assert_uint_eq(guesses_refusals(g), 1);
	ck_assert(!may("[192.0.2.1]", ANN));
	ck_assert(!may("[192.0.2.1]", BOB));
	ck_assert(!may("[192.0.2.1]", STR("")));
	ck_assert(may("[192.0.2.2]", ANN));
	now += 15 * MINUTE - 1;
	ck_assert(!may("[192.0.2.1]", BOB));
	now += 1;
	ck_assert(may("[192.0.2.1]", BOB));
	/* Half as many the next time. */
	for (unsigned i = 0; i < 5; i++) {
		ck_assert(may("[192.0.2.1]", BOB));
		ck_assert_uint_eq(guesses_refusals(g), 1);
		failed_at("[192.0.2.1]", BOB);
	}
	ck_assert(!may("[192.0.2.1]", BOB));
	ck_assert_uint_eq(guesses_refusals(g), 2);
	failed_at("[192.0.2.1]", BOB); /* tried before it was refused */
	ck_assert_uint_eq(guesses_refusals(g), 2);
}
END_TEST

START_TEST(what_is_long_ago_is_forgotten)
{
	for (unsigned i = 0; i < 9; i++)
		failed_at("[192.0.2.1]", ANN);
	now += HOUR;
	ck_assert_uint_eq(failed_at("[192.0.2.1]", ANN), GUESS_DELAY_FIRST_MS);
	ck_assert(may("[192.0.2.1]", ANN));
}
END_TEST

START_TEST(a_network_is_refused_as_a_whole)
{
	char client[64];
	for (unsigned i = 0; i < 40; i++) {
		snprintf(client, sizeof(client), "[192.0.2.%u]", i);
		failed_at(client, i % 2 ? ANN : BOB);
	}
	ck_assert(!may("[192.0.2.200]", STR("cy@example.org")));
	ck_assert(may("[192.0.3.200]", STR("cy@example.org")));
	for (unsigned i = 0; i < 40; i++) {
		snprintf(client, sizeof(client), "[IPv6:2001:db8:1:2::%x]", i);
		failed_at(client, STR("x@example.org"));
		now += MINUTE; /* so that the login's own does not matter */
	}
	ck_assert(!may("[IPv6:2001:db8:1:2::ffff]", STR("cy@example.org")));
	ck_assert(may("[IPv6:2001:db8:1:3::1]", STR("cy@example.org")));
	for (unsigned i = 0; i < 160; i++) {
		char login[32];
		snprintf(login, sizeof(login), "u%u@example.org", i);
		snprintf(client, sizeof(client), "[IPv6:2001:db8:1:%x::1]", i + 16);
		failed_at(client, str_from_cstr(login));
	}
	ck_assert(!may("[IPv6:2001:db8:1:fff0::1]", STR("cy@example.org")));
	ck_assert(may("[IPv6:2001:db8:2:2::1]", STR("cy@example.org")));
}
END_TEST

START_TEST(an_owner_is_not_locked_out)
{
	char client[64];
	succeed("[198.51.100.7]", ANN);
	for (unsigned i = 0; i < 25; i++) {
		snprintf(client, sizeof(client), "[192.0.%u.1]", i);
		failed_at(client, ANN);
	}
	ck_assert(!may("[203.0.113.1]", ANN));
	ck_assert(may("[203.0.113.1]", BOB));
	ck_assert(may("[198.51.100.7]", ANN));
	ck_assert(may("[198.51.100.99]", ANN)); /* the same network */
	ck_assert_uint_eq(failed_at("[198.51.100.7]", ANN), GUESS_DELAY_FIRST_MS);
	/* Its own address counts there as everywhere. */
	for (unsigned i = 0; i < 9; i++)
		failed_at("[198.51.100.7]", ANN);
	ck_assert(!may("[198.51.100.7]", ANN));
	/* A month later it is a stranger, too. */
	now += 31 * DAY;
	for (unsigned i = 0; i < 25; i++) {
		snprintf(client, sizeof(client), "[192.0.%u.1]", i);
		failed_at(client, ANN);
	}
	ck_assert(!may("[198.51.100.7]", ANN));
}
END_TEST

START_TEST(success_clears_what_is_ones_own)
{
	for (unsigned i = 0; i < 9; i++)
		failed_at("[192.0.2.1]", ANN);
	succeed("[192.0.2.1]", ANN);
	ck_assert_uint_eq(guesses_count(g), 0);
	/* Somebody with one account does not clean up after guesses at others. */
	for (unsigned i = 0; i < 9; i++) {
		failed_at("[192.0.2.1]", BOB);
		succeed("[192.0.2.1]", ANN);
	}
	failed_at("[192.0.2.1]", BOB);
	ck_assert(!may("[192.0.2.1]", ANN));
}
END_TEST

START_TEST(the_same_password_again_counts_once)
{
	struct guess_source from = at("[192.0.2.1]");
	for (unsigned i = 0; i < 1000; i++, now += MINUTE)
		ck_assert_uint_eq(guesses_failed(g, &from, ANN, 7, now), GUESS_DELAY_FIRST_MS);
	ck_assert(may("[192.0.2.1]", ANN));
	ck_assert_uint_gt(guesses_failed(g, &from, ANN, 8, now), GUESS_DELAY_FIRST_MS);
}
END_TEST

/* How many passwords of one login a botnet gets to try in a day. */
START_TEST(a_day_of_a_botnet)
{
	unsigned tried = 0;
	char client[64];
	for (uint64_t end = now + DAY; now < end; now += SECOND) {
		unsigned bot = (unsigned)(now / SECOND) % 10000;
		snprintf(client, sizeof(client), "[10.%u.%u.1]", bot / 256, bot % 256);
		if (!may(client, ANN))
			continue;
		tried++;
		failed_at(client, ANN);
	}
	ck_assert_uint_le(tried, 20 + 97 * 10);
	ck_assert_uint_ge(tried, 20);
}
END_TEST

START_TEST(memory_is_bounded)
{
	char client[64], login[64];
	for (unsigned i = 0; i < GUESSES_MAX + 1000; i++) {
		snprintf(
		    client, sizeof(client), "[%u.%u.%u.1]", 1 + i / 65536, i / 256 % 256, i % 256);
		snprintf(login, sizeof(login), "u%u@example.org", i);
		failed_at(client, str_from_cstr(login));
		succeed(client, str_from_cstr(login));
		failed_at(client, ANN);
		ck_assert_uint_le(guesses_count(g), GUESSES_MAX);
	}
}
END_TEST

static void first_report(void *ctx, const struct guess_report *r)
{
	struct guess_report *reports = ctx;
	reports[r->kind] = *r;
}

START_TEST(reports_and_release)
{
	struct guess_report reports[5] = {0};
	for (unsigned i = 0; i < 10; i++)
		failed_at("[192.0.2.1]", ANN);
	failed_at("[IPv6:2001:db8::1]", BOB);
	guesses_each(g, now, first_report, reports);
	ck_assert_str_eq(reports[GUESS_SITE].name, "2001:db8::/48");
	ck_assert_uint_eq(guesses_count(g), 7);
	ck_assert_uint_eq(guesses_release(g, STR("192.0.2.1")), 2);
	ck_assert(may("[192.0.2.1]", ANN));
	ck_assert_uint_eq(guesses_release(g, STR("192.0.2.1")), 0);
	ck_assert_uint_eq(guesses_release(g, STR("ANN@example.org")), 1);
	ck_assert_uint_eq(guesses_release(g, STR("2001:db8::/64")), 1);
	ck_assert_uint_eq(guesses_release(g, STR("2001:db8::1")), 2);
	ck_assert_uint_eq(guesses_release(g, STR("")), 1);
	ck_assert_uint_eq(guesses_count(g), 0);
}
END_TEST

struct copy {
	struct guesses *to;
	size_t records;
};

static bool copy_record(void *ctx, struct str key, struct str value)
{
	struct copy *c = ctx;
	struct guesses *part = guesses_new(&limits);
	c->records++;
	ck_assert(guesses_kept.load(c->to, key, value, now));
	ck_assert(!guesses_kept.load(c->to, key, value, now)); /* twice */
	for (size_t n = 0; n < value.n; n++)
		ck_assert(!guesses_kept.load(part, key, str_head(value, n), now));
	ck_assert(!guesses_kept.load(part, str_head(key, 1), value, now));
	ck_assert(!guesses_kept.load(part, STR("\x09x"), value, now));
	guesses_free(part);
	return true;
}

START_TEST(a_restart_changes_nothing)
{
	struct copy c = {.to = guesses_new(&limits)};
	for (unsigned i = 0; i < 10; i++)
		failed_at("[192.0.2.1]", ANN);
	for (unsigned i = 0; i < 20; i++)
		failed_at("[IPv6:2001:db8::1]", BOB);
	succeed("[198.51.100.7]", BOB);
	for (unsigned i = 0; i < 20; i++)
		failed_at("local uid 7", BOB);
	guesses_kept.save(g, copy_record, &c);
	guesses_free(g);
	g = c.to;
	ck_assert_uint_gt(c.records, 6);
	ck_assert(!may("[192.0.2.1]", ANN));
	ck_assert(may("[192.0.2.2]", ANN));
	ck_assert(!may("[192.0.2.2]", BOB));
	ck_assert(may("[198.51.100.7]", BOB));
}
END_TEST

/* A file from a clock that was ahead refuses nobody for longer than one that was right. */
START_TEST(a_clock_that_went_back)
{
	for (unsigned i = 0; i < 10; i++)
		failed_at("[192.0.2.1]", ANN);
	now -= 365 * DAY;
	ck_assert(!may("[192.0.2.1]", ANN));
	now += 15 * MINUTE;
	ck_assert(may("[192.0.2.1]", ANN));
	now += HOUR;
	ck_assert_uint_eq(failed_at("[192.0.2.1]", ANN), GUESS_DELAY_FIRST_MS);
}
END_TEST

/* Judged by login alone: nobody's failures keep another out, and who guesses at one login is kept
 * out though its owner came from there a moment ago. */
START_TEST(a_front_end)
{
	struct guess_source webmail = at("[192.0.2.1]");
	webmail.shared = true;
	for (unsigned i = 0; i < 100; i++) {
		char login[32];
		int n = snprintf(login, sizeof(login), "u%u@example.org", i);
		guesses_failed(g, &webmail, str_from(login, (size_t)n), ++next_attempt, now);
	}
	ck_assert_uint_eq(guesses_count(g), 100);
	ck_assert(guesses_may_try(g, &webmail, ANN, now));
	ck_assert_uint_eq(guesses_delay(g, &webmail, ANN, now), GUESS_DELAY_FIRST_MS);
	succeed("[198.51.100.1]", ANN);
	guesses_succeeded(g, &webmail, ANN, now);
	/* The same wrong password again and again counts once. */
	for (unsigned i = 0; i < limits.login_failures; i++)
		guesses_failed(g, &webmail, ANN, 7, now);
	ck_assert(guesses_may_try(g, &webmail, ANN, now));
	for (unsigned i = 1; i < limits.login_failures; i++)
		guesses_failed(g, &webmail, ANN, ++next_attempt, now);
	ck_assert(!guesses_may_try(g, &webmail, ANN, now));
	ck_assert(guesses_may_try(g, &webmail, BOB, now));
	ck_assert(may("[198.51.100.1]", ANN));
	ck_assert(!may("[203.0.113.1]", ANN));
	ck_assert(!may("local uid 1000", ANN));
	ck_assert(may("[192.0.2.1]", BOB));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("guesses");
	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, sources);
	tcase_add_test(c, delays_grow_and_then_nothing_is_tried);
	tcase_add_test(c, what_is_long_ago_is_forgotten);
	tcase_add_test(c, a_network_is_refused_as_a_whole);
	tcase_add_test(c, an_owner_is_not_locked_out);
	tcase_add_test(c, success_clears_what_is_ones_own);
	tcase_add_test(c, the_same_password_again_counts_once);
	tcase_add_test(c, a_day_of_a_botnet);
	tcase_add_test(c, memory_is_bounded);
	tcase_add_test(c, reports_and_release);
	tcase_add_test(c, a_restart_changes_nothing);
	tcase_add_test(c, a_clock_that_went_back);
	tcase_add_test(c, a_front_end);
	return unit_run_case("guesses", c);
}
