/* SPDX-License-Identifier: ISC */
#include "pop3d/grants.h"
#include "common/limits.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static struct grants *g;
static char seen[64];
static unsigned calls;
static void *who;
static uint32_t uid;

#define WHO(name) ((struct grant){STR(name), 4001})

static void on_decided(void *ctx, void *request, struct grant grant)
{
	(void)ctx;
	calls++;
	who = request;
	snprintf(seen, sizeof(seen), "%.*s", STR_ARG(grant.address));
	uid = grant.uid;
}

static void setup(void)
{
	g = grants_new(on_decided, NULL);
	calls = 0;
}

static void teardown(void)
{
	grants_free(g);
}

static struct str ticket(unsigned n)
{
	static char text[TICKET_SIZE + 1];
	snprintf(text, sizeof(text), "ticket %09u", n);
	return str_from(text, TICKET_SIZE);
}

static int request[4];

START_TEST(grant_first)
{
	grants_add(g, ticket(1), WHO("ann@x"), 1000);
	grants_request(g, ticket(1), &request[0], 2000);
	ck_assert_uint_eq(calls, 1);
	ck_assert_str_eq(seen, "ann@x");
	ck_assert_uint_eq(uid, 4001);
	ck_assert_ptr_eq(who, &request[0]);
	ck_assert_uint_eq(grants_count(g), 0);
}
END_TEST

START_TEST(request_first)
{
	grants_request(g, ticket(1), &request[0], 1000);
	grants_request(g, ticket(2), &request[1], 1000);
	ck_assert_uint_eq(calls, 0);
	grants_add(g, ticket(2), WHO("bob@x"), 1500);
	ck_assert_uint_eq(calls, 1);
	ck_assert_ptr_eq(who, &request[1]);
	ck_assert_str_eq(seen, "bob@x");
	grants_add(g, ticket(1), WHO("ann@x"), 1500);
	ck_assert_ptr_eq(who, &request[0]);
	ck_assert_uint_eq(grants_count(g), 0);
}
END_TEST

START_TEST(good_once)
{
	grants_add(g, ticket(1), WHO("ann@x"), 0);
	grants_request(g, ticket(1), &request[0], 0);
	grants_request(g, ticket(1), &request[1], 0);
	ck_assert_uint_eq(calls, 1);
	grants_tick(g, GRANTS_WAIT_MS);
	ck_assert_uint_eq(calls, 2);
	ck_assert_ptr_eq(who, &request[1]);
	ck_assert_str_eq(seen, "");
}
END_TEST

START_TEST(grants_end)
{
	grants_add(g, ticket(1), WHO("ann@x"), 0);
	grants_tick(g, GRANT_LIFETIME_S * 1000 - 1);
	ck_assert_uint_eq(grants_count(g), 1);
	if (_i == 0)
		grants_tick(g, GRANT_LIFETIME_S * 1000);
	grants_request(g, ticket(1), &request[0], GRANT_LIFETIME_S * 1000);
	grants_tick(g, 2 * GRANT_LIFETIME_S * 1000);
	ck_assert_uint_eq(calls, 1);
	ck_assert_str_eq(seen, "");
}
END_TEST

START_TEST(requests_end)
{
	grants_request(g, ticket(1), &request[0], 0);
	grants_tick(g, GRANTS_WAIT_MS - 1);
	ck_assert_uint_eq(calls, 0);
	grants_tick(g, GRANTS_WAIT_MS);
	ck_assert_uint_eq(calls, 1);
	ck_assert_str_eq(seen, "");
	grants_add(g, ticket(1), WHO("ann@x"), GRANTS_WAIT_MS);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

/* Two requests with one ticket: the second is refused, the first still good. */
START_TEST(same_ticket_twice)
{
	grants_request(g, ticket(1), &request[0], 0);
	grants_request(g, ticket(1), &request[1], 0);
	ck_assert_uint_eq(calls, 1);
	ck_assert_ptr_eq(who, &request[1]);
	ck_assert_str_eq(seen, "");
	grants_add(g, ticket(1), WHO("ann@x"), 0);
	ck_assert_ptr_eq(who, &request[0]);
}
END_TEST

START_TEST(odd_tickets)
{
	grants_add(g, STR("short"), WHO("ann@x"), 0);
	grants_add(g, ticket(1), WHO(""), 0);
	ck_assert_uint_eq(grants_count(g), 0);
	grants_request(g, STR("short"), &request[0], 0);
	grants_request(g, STR(""), &request[0], 0);
	ck_assert_uint_eq(calls, 2);
	ck_assert_str_eq(seen, "");
}
END_TEST

START_TEST(bounded)
{
	for (unsigned i = 0; i < GRANTS_MAX + 5; i++)
		grants_add(g, ticket(i), WHO("ann@x"), 0);
	ck_assert_uint_eq(grants_count(g), GRANTS_MAX);
	for (unsigned i = 0; i < GRANTS_WAITING_MAX + 5; i++)
		grants_request(g, ticket(1000000 + i), &request[0], 0);
	ck_assert_uint_eq(grants_count(g), GRANTS_MAX + GRANTS_WAITING_MAX);
	ck_assert_uint_eq(calls, 5);
	grants_add(g, ticket(GRANTS_MAX), WHO("bob@x"), 0);
	ck_assert_uint_eq(grants_count(g), GRANTS_MAX + GRANTS_WAITING_MAX);
	grants_request(g, ticket(GRANTS_MAX), &request[0], 0);
	ck_assert_str_eq(seen, "bob@x");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("grants");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, grant_first);
	tcase_add_test(t, request_first);
	tcase_add_test(t, good_once);
	tcase_add_loop_test(t, grants_end, 0, 2);
	tcase_add_test(t, requests_end);
	tcase_add_test(t, same_ticket_twice);
	tcase_add_test(t, odd_tickets);
	tcase_add_test(t, bounded);
	return unit_run_case("grants", t);
}
