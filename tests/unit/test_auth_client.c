/* SPDX-License-Identifier: ISC
 *
 * smtpd's end of a login, with this test in the place of directory and of the clock.
 */
#include "common/loop.h"
#include "smtpd/auth-client.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <sys/socket.h>
#include <unistd.h>

enum { DELAY_MS = 4000 };

static uint64_t now_ms = 1000 * 1000;
static struct event *held;
static uint64_t held_until;
static struct channel *channel;
static struct auth_query query;
static unsigned results, challenges;
static enum login_verdict verdict;

uint64_t __wrap_loop_now_ms(void);
uint64_t __wrap_loop_now_ms(void)
{
	return now_ms;
}

void __wrap_loop_timer_at(struct event *timer, uint64_t when_ms);
void __wrap_loop_timer_at(struct event *timer, uint64_t when_ms)
{
	held = timer;
	held_until = when_ms;
}

static void on_challenge(struct auth_query *q, struct str message)
{
	(void)message;
	ck_assert_ptr_eq(q, &query);
	challenges++;
}

static void on_result(struct auth_query *q, enum login_verdict v, struct str login, struct str last)
{
	(void)login;
	(void)last;
	ck_assert_ptr_eq(q, &query);
	results++;
	verdict = v;
}

static void on_closed(void *ctx, struct channel *c, const char *why)
{
	(void)ctx;
	(void)c;
	ck_abort_msg("%s", why);
}

static void begin(void)
{
	static const struct auth_client_events events = {on_challenge, on_result};
	static const struct smtpd_directory_client_handlers handlers;
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	channel = channel_new(fds[0], &smtpd_directory_client, &handlers, NULL, on_closed);
	held = NULL;
	results = challenges = 0;
	auth_client_init(&events);
	auth_client_use(channel);
	struct auth_start start = {.session = STR("s"), .client = STR("[192.0.2.1]")};
	auth_client_begin(&query, &start);
	ck_assert_uint_eq(start.cookie, query.cookie);
}

static void end(void)
{
	auth_client_forget(&query);
	channel_free(channel);
}

static void outcome(enum login_verdict v)
{
	const struct msg_auth_outcome m = {
	    .result = {.cookie = query.cookie, .verdict = (uint8_t)v, .delay = DELAY_MS}};
	ck_assert(auth_client_on_outcome(NULL, &m, NULL));
}

static void time_comes(void)
{
	event_active(held, EV_TIMEOUT, 1);
	unit_settle();
}

START_TEST(a_refusal_comes_so_long_after_the_question)
{
	static const enum login_verdict rows[] = {LOGIN_BAD, LOGIN_TEMPORARY, LOGIN_LIMITED};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		uint64_t asked_ms = now_ms;
		now_ms += 700; /* a hash */
		outcome(rows[i]);
		ck_assert_uint_eq(results, 0);
		ck_assert_uint_eq(held_until, asked_ms + DELAY_MS);
		auth_client_tick(now_ms += DELAY_MS + AUTH_TIMEOUT_MS);
		ck_assert_uint_eq(results, 0);
		time_comes();
		ck_assert(results == 1 && verdict == rows[i] && query.cookie == 0);
		ck_assert_ptr_null(query.answer);
		end();
	}
}
END_TEST

START_TEST(the_last_question_counts)
{
	begin();
	const struct msg_auth_challenge m = {
	    .message = {.cookie = query.cookie, .octets = STR("")}};
	ck_assert(auth_client_on_challenge(NULL, &m, NULL));
	ck_assert_uint_eq(challenges, 1);
	auth_client_tick(now_ms += 10 * AUTH_TIMEOUT_MS); /* the client's time */
	ck_assert_uint_eq(results, 0);
	uint64_t asked_ms = now_ms;
	auth_client_respond(&query, STR("x"));
	now_ms += 700;
	outcome(LOGIN_BAD);
	ck_assert_uint_eq(held_until, asked_ms + DELAY_MS);
	end();
}
END_TEST

START_TEST(success_comes_at_once)
{
	begin();
	outcome(LOGIN_OK);
	ck_assert(results == 1 && verdict == LOGIN_OK);
	ck_assert_ptr_null(held);
	end();
}
END_TEST

START_TEST(what_comes_after_the_verdict_changes_nothing)
{
	begin();
	const struct msg_auth_challenge m = {
	    .message = {.cookie = query.cookie, .octets = STR("")}};
	outcome(LOGIN_BAD);
	uint64_t until = held_until;
	now_ms++;
	outcome(LOGIN_OK);
	outcome(LOGIN_LIMITED);
	ck_assert(auth_client_on_challenge(NULL, &m, NULL));
	auth_client_use(NULL);
	ck_assert(results == 0 && challenges == 0 && held_until == until);
	time_comes();
	ck_assert(results == 1 && verdict == LOGIN_BAD);
	end();
}
END_TEST

START_TEST(silence_has_an_end)
{
	begin();
	auth_client_tick(now_ms + AUTH_TIMEOUT_MS - 1);
	ck_assert_uint_eq(results, 0);
	auth_client_tick(now_ms + AUTH_TIMEOUT_MS);
	ck_assert(results == 1 && verdict == LOGIN_TEMPORARY);
	end();
}
END_TEST

START_TEST(who_leaves_hears_nothing)
{
	begin();
	outcome(LOGIN_BAD);
	auth_client_forget(&query);
	ck_assert_ptr_null(query.answer);
	unit_settle();
	ck_assert_uint_eq(results, 0);
	end();
}
END_TEST

START_TEST(without_directory_it_fails_for_now)
{
	begin();
	auth_client_use(NULL);
	ck_assert_uint_eq(results, 0); /* not while it asks */
	time_comes();
	ck_assert(results == 1 && verdict == LOGIN_TEMPORARY);
	end();
}
END_TEST

UNIT_MAIN("auth_client", a_refusal_comes_so_long_after_the_question, the_last_question_counts,
    success_comes_at_once, what_comes_after_the_verdict_changes_nothing, silence_has_an_end,
    who_leaves_hears_nothing, without_directory_it_fails_for_now)
