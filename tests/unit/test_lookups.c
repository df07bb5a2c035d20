/* SPDX-License-Identifier: ISC
 *
 * Questions under way, over an upstream that answers when the test says so.
 */
#include "common/log.h"
#include "common/loop.h"
#include "resolver/bogus-log.h"
#include "resolver/lookups.h"
#include "tests/unit/dns-packet.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* --- The upstream --- */

struct upstream {
	int number;
};

static struct upstream first = {1}, second = {2};
static size_t asked;
static uint32_t cookies[LOOKUPS_MAX + 10];
static struct question last;
static struct upstream *asked_of, *freed;
static enum { LATER, AT_ONCE, NEVER } manner;

static void answer_cookie(uint32_t cookie, unsigned rcode)
{
	static struct buf packet = BUF_INIT(65536);
	dns_begin(&packet, last.name, last.type, rcode);
	lookups_on_answer(cookie, &(struct answer_input){.packet = buf_str(&packet)});
}

bool upstream_ask(struct upstream *u, const struct question *q, uint32_t cookie)
{
	asked_of = u;
	last = *q;
	cookies[asked++] = cookie;
	if (manner == AT_ONCE)
		answer_cookie(cookie, 3);
	return manner != NEVER;
}

void upstream_free(struct upstream *u)
{
	if (u != NULL)
		freed = u;
}

/* --- Who asks --- */

struct client {
	struct asker asker; /* first */
	unsigned answers;
	enum dns_state state;
};

static struct client one, two, three;
static struct question mx, a;

static void on_answer(struct asker *asker, const struct question *q, const struct answer *answer)
{
	struct client *c = (struct client *)asker;
	(void)q;
	ck_assert_ptr_null(asker->lookup);
	c->answers++;
	c->state = answer->state;
}

static void set_up(void)
{
	ck_assert(question_host(RR_MX, STR("d.example"), &mx));
	ck_assert(question_host(RR_A, STR("d.example"), &a));
	lookups_start(on_answer);
	lookups_use(&first);
}

static void tear_down(void)
{
	struct upstream *used = asked_of;
	lookups_end();
	ck_assert_ptr_eq(freed, used);
}

static void ask(const struct question *q, struct client *c)
{
	lookups_ask(q, &c->asker, UINT64_MAX);
}

START_TEST(the_same_is_asked_once)
{
	set_up();
	ask(&mx, &one);
	ask(&mx, &two);
	ck_assert_uint_eq(asked, 1);
	ask(&a, &three);
	ck_assert_uint_eq(asked, 2);
	last = mx;
	answer_cookie(cookies[0], 3);
	ck_assert(one.answers == 1 && one.state == DNS_NO_NAME);
	ck_assert(two.answers == 1 && three.answers == 0);
	answer_cookie(cookies[0], 3); /* twice */
	ck_assert(one.answers == 1 && lookups_count() == 1);
	ask(&mx, &one);
	ck_assert_uint_eq(asked, 3);
	tear_down();
}
END_TEST

START_TEST(answered_while_asked)
{
	set_up();
	manner = AT_ONCE;
	ask(&mx, &one);
	ck_assert(one.answers == 1 && lookups_count() == 0);
	manner = NEVER;
	ask(&mx, &one);
	ck_assert(one.answers == 2 && one.state == DNS_TEMPORARY && lookups_count() == 0);
	tear_down();
}
END_TEST

START_TEST(deadlines)
{
	set_up();
	lookups_ask(&mx, &one.asker, loop_now_ms());
	ask(&mx, &two);
	while (one.answers == 0)
		unit_wait();
	ck_assert_int_eq(one.state, DNS_TEMPORARY);
	ck_assert(two.answers == 0 && lookups_count() == 1);
	ask(&mx, &one); /* joins what still runs */
	ck_assert_uint_eq(asked, 1);
	answer_cookie(cookies[0], 0);
	ck_assert(one.answers == 2 && one.state == DNS_NO_DATA);
	ck_assert(two.answers == 1 && two.state == DNS_NO_DATA);
	tear_down();
}
END_TEST

START_TEST(forgotten)
{
	set_up();
	ask(&mx, &one);
	ask(&mx, &two);
	lookups_forget(&one.asker);
	lookups_forget(&one.asker);
	lookups_forget(&three.asker); /* which never asked */
	answer_cookie(cookies[0], 3);
	ck_assert(one.answers == 0 && two.answers == 1);
	tear_down();
}
END_TEST

START_TEST(no_more_than_so_many)
{
	char name[32];
	struct question q;
	static struct client many[LOOKUPS_MAX + 1];
	set_up();
	for (size_t i = 0; i <= LOOKUPS_MAX; i++) {
		snprintf(name, sizeof(name), "d%zu.example", i);
		ck_assert(question_host(RR_MX, str_from_cstr(name), &q));
		ask(&q, &many[i]);
		ck_assert_uint_eq(many[i].answers, i == LOOKUPS_MAX);
	}
	ck_assert_int_eq(many[LOOKUPS_MAX].state, DNS_TEMPORARY);
	ck_assert_uint_eq(lookups_count(), LOOKUPS_MAX);
	ask(&q, &one); /* that one is not under way */
	ck_assert(one.answers == 1 && one.state == DNS_TEMPORARY);
	tear_down();
	ck_assert_uint_eq(many[0].answers, 0);
}
END_TEST

START_TEST(another_upstream)
{
	set_up();
	ask(&mx, &one);
	ask(&a, &two);
	lookups_use(&second);
	ck_assert_ptr_eq(freed, &first);
	ck_assert_ptr_eq(asked_of, &second);
	ck_assert_uint_eq(asked, 4);
	last = mx;
	answer_cookie(cookies[2], 3);
	last = a;
	answer_cookie(cookies[3], 3);
	ck_assert(one.answers == 1 && two.answers == 1);
	ask(&mx, &one);
	ask(&a, &two);
	manner = AT_ONCE;
	lookups_use(&first);
	ck_assert(one.answers == 2 && two.answers == 2 && lookups_count() == 0);
	tear_down();
}
END_TEST

/* What the one before still says when it is freed is not for the new one's questions. */
START_TEST(stale_cookies)
{
	set_up();
	ask(&mx, &one);
	uint32_t stale = cookies[0];
	lookups_use(&second);
	answer_cookie(stale, 3);
	ck_assert_uint_eq(one.answers, 0);
	answer_cookie(cookies[1], 3);
	ck_assert_uint_eq(one.answers, 1);
	tear_down();
}
END_TEST

START_TEST(bogus_is_logged_once_an_hour)
{
	char name[32];
	struct question q;
	const uint64_t hour = 3600 * 1000;
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	ck_assert(question_host(RR_MX, STR("d.example"), &mx));
	ck_assert(question_host(RR_A, STR("d.example"), &a));
	ck_assert(bogus_log(&mx, STR("why"), 5));
	ck_assert(!bogus_log(&mx, STR("why"), 6));
	ck_assert(!bogus_log(&a, STR("why"), 4 + hour));
	ck_assert(bogus_log(&a, STR("why"), 5 + hour));
	for (int i = 1; i < BOGUS_LOG_NAMES_MAX + 5; i++) {
		snprintf(name, sizeof(name), "d%d.example", i);
		ck_assert(question_host(RR_MX, str_from_cstr(name), &q));
		ck_assert_int_eq(bogus_log(&q, STR("why"), 5 + hour), i < BOGUS_LOG_NAMES_MAX);
	}
	bogus_log_clear();
}
END_TEST

UNIT_MAIN("lookups", the_same_is_asked_once, answered_while_asked, deadlines, forgotten,
    no_more_than_so_many, another_upstream, stale_cookies, bogus_is_logged_once_an_hour)
