/* SPDX-License-Identifier: ISC
 *
 * The small parts of smtpd: replies, the transaction's recipients, deadlines,
 * cookies, the cache of answers.
 */
#include "smtpd/deadline.h"
#include "smtpd/rcpt-cache.h"
#include "smtpd/reply.h"
#include "common/slots.h"
#include "smtpd/transaction.h"
#include "tests/unit/smtp-harness.h"
#include "tests/unit/unit.h"

#include <stdio.h>

/* ---- replies ------------------------------------------------------------------ */

/* With the longest host name, each row is a proper reply line. */
START_TEST(every_status)
{
	char hostname[256];
	memset(hostname, 'h', 255);
	for (int i = STATUS_NONE + 1; i < STATUS_COUNT; i++) {
		struct buf out = BUF_INIT(4096);
		const struct reply *r = reply_of((enum smtp_status)i);
		reply_status(&out, (enum smtp_status)i, str_from(hostname, 255));
		ck_assert_ptr_null(harness_check_replies(buf_str(&out)));
		ck_assert_uint_ge(buf_len(&out), 10);
		ck_assert(r->code == 220 || r->code == 354 || reply_is_valid(r->code, r->enhanced));
		buf_release(&out);
	}
}
END_TEST

START_TEST(long_and_strange_texts)
{
	char text[2000];
	for (size_t n = 0; n < sizeof(text); n += n < 480 || n > 520 ? 37 : 1) {
		struct buf out = BUF_INIT(4096);
		for (size_t i = 0; i < n; i++)
			text[i] = (char)i;
		const struct reply r = {
		    .code = 550, .enhanced = STR("5.7.1"), .text = str_from(text, n)};
		reply_line(&out, &r, n % 2 == 0);
		ck_assert_ptr_null(harness_check_replies(buf_str(&out)));
		ck_assert_uint_eq(buf_len(&out), n + 12 > REPLY_LINE_MAX ? REPLY_LINE_MAX : n + 12);
		buf_release(&out);
	}
}
END_TEST

START_TEST(valid_replies)
{
	static const struct {
		unsigned code;
		const char *enhanced;
		bool valid;
	} cases[] = {
	    {250, "2.0.0", true},
	    {451, "4.3.0", true},
	    {554, "5.999.999", true},
	    {354, "3.0.0", false},
	    {150, "1.0.0", false},
	    {600, "6.0.0", false},
	    {0, "", false},
	    {1550, "5.0.0", false},
	    {550, "4.0.0", false},
	    {550, "5.0", false},
	    {550, "5.0.0.0", false},
	    {550, "5..0", false},
	    {550, "5.0.", false},
	    {550, ".5.0", false},
	    {550, "5.0000.0", false},
	    {550, "55.0.0", false},
	    {550, "5.0.a", false},
	    {550, "", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_int_eq(reply_is_valid(cases[i].code, str_from_cstr(cases[i].enhanced)),
		    cases[i].valid);
}
END_TEST

/* ---- the transaction ---------------------------------------------------------- */

START_TEST(recipients_are_collapsed)
{
	struct transaction t = {0};
	transaction_begin(&t);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 5000; i++) {
			char address[32];
			struct recipient r = {.transport = TRANSPORT_LOCAL};
			snprintf(address, sizeof(address), "u%u@example.org", i);
			ck_assert(pool_copy(t.pool, str_from_cstr(address), &r.address));
			ck_assert(transaction_add(&t, &r));
		}
	ck_assert_uint_eq(t.recipient_count, 5000);
	transaction_cut(&t, 10);
	ck_assert_uint_eq(t.recipient_count, 10);
	ck_assert(transaction_add(&t, &(struct recipient){.address = STR("u9@example.org")}));
	ck_assert_uint_eq(t.recipient_count, 10);
	ck_assert(transaction_add(&t, &(struct recipient){.address = STR("u10@example.org")}));
	ck_assert_uint_eq(t.recipient_count, 11);
	transaction_reset(&t);
	static const struct transaction none;
	ck_assert_mem_eq(&t, &none, sizeof(t));
	transaction_reset(&t);
}
END_TEST

START_TEST(recipients_have_a_ceiling)
{
	struct transaction t = {0};
	transaction_begin(&t);
	unsigned i = 0;
	for (;; i++) {
		char address[32];
		struct recipient r = {.transport = TRANSPORT_LOCAL};
		snprintf(address, sizeof(address), "u%u@example.org", i);
		if (!pool_copy(t.pool, str_from_cstr(address), &r.address) ||
		    !transaction_add(&t, &r))
			break;
	}
	ck_assert_uint_le(i, RECIPIENTS_MAX);
	ck_assert_uint_ge(i, 10000);
	ck_assert_uint_eq(t.recipient_count, i);
	transaction_reset(&t);
}
END_TEST

/* ---- deadlines ---------------------------------------------------------------- */

struct timer {
	struct deadline deadline; /* first */
	uint64_t due, fired;
	unsigned again;
};

static struct deadline_wheel wheel;

static void on_due(struct deadline *d, void *ctx)
{
	struct timer *t = (struct timer *)(void *)d;
	uint64_t now = *(const uint64_t *)ctx;
	ck_assert_uint_eq(t->fired, 0);
	ck_assert_uint_ge(now, t->due);
	if (t->again > 0) {
		t->again--;
		t->due = now + 700;
		deadline_set(&wheel, d, t->due);
		return;
	}
	t->fired = now;
}

START_TEST(deadlines_fire_in_time)
{
	enum { TIMERS = 2000 };
	static struct timer timers[TIMERS];
	const unsigned count = unit_times(TIMERS);
	uint64_t now = 123456, random = 1;
	deadline_wheel_init(&wheel, now);
	for (unsigned i = 0; i < count; i++) {
		random = random * 6364136223846793005U + 1442695040888963407U;
		timers[i].due = now + (random >> 33) % (i % 2 == 0 ? 5000 : 2000000);
		timers[i].again = i % 5 == 0;
		deadline_set(&wheel, &timers[i].deadline, timers[i].due);
		/* Some are put off, some brought forward, some cleared. */
		if (i % 3 == 0) {
			timers[i].due = now + (random >> 40) % 1000000;
			deadline_set(&wheel, &timers[i].deadline, timers[i].due);
		}
		if (i % 7 == 0)
			deadline_clear(&timers[i].deadline);
	}
	for (unsigned step = 0; step < 3000; step++) {
		now += step % 10 == 0 ? 2300 : 600;
		deadline_advance(&wheel, now, on_due, &now);
		for (unsigned i = 0; i < count; i++) {
			bool cleared = i % 7 == 0;
			/* Up to a tick late, and as long as nobody turned the wheel. */
			bool late = timers[i].fired == 0 && timers[i].due + 1000 + 2300 <= now;
			if (cleared ? timers[i].fired != 0 : late)
				ck_abort_msg("timer %u at %u", i, step);
		}
	}
}
END_TEST

START_TEST(deadlines_after_a_long_sleep)
{
	struct timer timers[3] = {{.due = 5000}, {.due = 400000}, {.due = 90000000}};
	uint64_t now = 80000000;
	deadline_wheel_init(&wheel, 0);
	for (int i = 0; i < 3; i++)
		deadline_set(&wheel, &timers[i].deadline, timers[i].due);
	deadline_advance(&wheel, now, on_due, &now);
	ck_assert(timers[0].fired == now && timers[1].fired == now && timers[2].fired == 0);
	now = 90001000;
	deadline_advance(&wheel, now, on_due, &now);
	ck_assert_uint_eq(timers[2].fired, now);
}
END_TEST

/* ---- cookies ------------------------------------------------------------------ */

START_TEST(cookies_do_not_come_back)
{
	struct slots s = {0};
	int entries[300];
	uint32_t cookies[300];
	ck_assert_ptr_null(slots_get(&s, 0));
	ck_assert_ptr_null(slots_take(&s, 77));
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 300; i++) {
			uint32_t cookie = slots_put(&s, &entries[i]);
			ck_assert_uint_ne(cookie, 0);
			ck_assert(round == 0 || slots_get(&s, cookies[i]) == NULL);
			cookies[i] = cookie;
		}
		for (unsigned i = 0; i < 300; i++) {
			ck_assert_ptr_eq(slots_get(&s, cookies[i]), &entries[i]);
			ck_assert_ptr_eq(slots_take(&s, cookies[i]), &entries[i]);
			ck_assert_ptr_null(slots_take(&s, cookies[i]));
		}
	}
	ck_assert_uint_le(s.count, 512);
	slots_free(&s);
}
END_TEST

/* ---- the cache ---------------------------------------------------------------- */

static const struct target targets[] = {
    {.address = {"ann@example.org", 15}, .transport = TRANSPORT_LOCAL},
    {.address = {"a@far.example", 13},
	.nexthop = {"far.example", 11},
	.transport = TRANSPORT_REMOTE},
};
static const struct smtp_rcpt_answer local = {
    .verdict = RCPT_LOCAL, .targets = targets, .target_count = 2};
static const struct smtp_rcpt_answer unknown = {.verdict = RCPT_NO_MAILBOX};

START_TEST(cache_remembers_what_is_certain)
{
	struct rcpt_cache *c = rcpt_cache_new();
	struct smtp_rcpt_answer a;
	ck_assert(!rcpt_cache_find(c, STR("team@example.org"), 0, &a));
	rcpt_cache_put(c, STR("team@example.org"), 0, &local);
	rcpt_cache_put(c, STR("x@example.org"), 0, &unknown);
	rcpt_cache_put(
	    c, STR("t@example.org"), 0, &(struct smtp_rcpt_answer){.verdict = RCPT_TEMPORARY});
	rcpt_cache_put(c, STR("r@example.org"), 0,
	    &(struct smtp_rcpt_answer){.verdict = RCPT_REFUSED, .text = STR("no")});
	ck_assert_uint_eq(rcpt_cache_count(c), 2);
	ck_assert(rcpt_cache_find(c, STR("team@example.org"), 1000000000, &a));
	ck_assert_uint_eq(a.target_count, 2);
	ck_assert(str_eq(a.targets[0].address, targets[0].address));
	ck_assert(str_eq(a.targets[1].nexthop, targets[1].nexthop));
	ck_assert(a.targets[1].transport == TRANSPORT_REMOTE && a.targets[0].nexthop.n == 0);
	ck_assert(rcpt_cache_find(c, STR("x@example.org"), RCPT_CACHE_NEGATIVE_MS - 1, &a));
	ck_assert_int_eq(a.verdict, RCPT_NO_MAILBOX);
	ck_assert(!rcpt_cache_find(c, STR("x@example.org"), RCPT_CACHE_NEGATIVE_MS, &a));
	/* What is asked again replaces. */
	rcpt_cache_put(c, STR("team@example.org"), 0, &unknown);
	ck_assert(rcpt_cache_find(c, STR("team@example.org"), 0, &a));
	ck_assert_int_eq(a.verdict, RCPT_NO_MAILBOX);
	rcpt_cache_put(
	    c, STR("team@example.org"), 0, &(struct smtp_rcpt_answer){.verdict = RCPT_REFUSED});
	ck_assert(!rcpt_cache_find(c, STR("team@example.org"), 0, &a));
	/* A generation of its own. */
	rcpt_cache_generation(c, 1);
	rcpt_cache_put(c, STR("team@example.org"), 0, &local);
	rcpt_cache_generation(c, 1);
	ck_assert(rcpt_cache_find(c, STR("team@example.org"), 0, &a));
	rcpt_cache_generation(c, 2);
	ck_assert(!rcpt_cache_find(c, STR("team@example.org"), 0, &a));
	ck_assert_uint_eq(rcpt_cache_octets(c), 0);
	rcpt_cache_free(c);
}
END_TEST

/* What is said of another's domain is kept once, for all its addresses. */
START_TEST(cache_knows_other_domains)
{
	struct rcpt_cache *c = rcpt_cache_new();
	struct smtp_rcpt_answer a;
	const struct smtp_rcpt_answer far = {
	    .verdict = RCPT_NOT_OURS, .targets = &targets[1], .target_count = 1};
	rcpt_cache_put(c, STR("a@far.example"), 0, &far);
	rcpt_cache_put(c, STR("b@far.example"), 0, &far);
	rcpt_cache_put(
	    c, STR("x@none.example"), 0, &(struct smtp_rcpt_answer){.verdict = RCPT_NOT_OURS});
	ck_assert_uint_eq(rcpt_cache_count(c), 1);
	ck_assert(rcpt_cache_find(c, STR("c@d@far.example"), RCPT_CACHE_NEGATIVE_MS - 1, &a));
	ck_assert_int_eq(a.verdict, RCPT_NOT_OURS);
	ck_assert_uint_eq(a.target_count, 1);
	ck_assert(str_eq(a.targets[0].address, STR("c@d@far.example")));
	ck_assert(str_eq(a.targets[0].nexthop, STR("far.example")));
	ck_assert_int_eq(a.targets[0].transport, TRANSPORT_REMOTE);
	ck_assert(!rcpt_cache_find(c, STR("x@none.example"), 0, &a));
	ck_assert(!rcpt_cache_find(c, STR("a@sub.far.example"), 0, &a));
	ck_assert(!rcpt_cache_find(c, STR("far.example"), 0, &a));
	ck_assert(!rcpt_cache_find(c, STR("a@far.example"), RCPT_CACHE_NEGATIVE_MS, &a));
	ck_assert_uint_eq(rcpt_cache_count(c), 0);
	rcpt_cache_free(c);
}
END_TEST

START_TEST(cache_is_bounded)
{
	struct rcpt_cache *c = rcpt_cache_new();
	struct smtp_rcpt_answer a;
	char address[200];
	const unsigned all = unit_wants_few_rounds() ? 40000 : 100000;
	memset(address, 'x', sizeof(address));
	rcpt_cache_put(c, STR("kept@example.org"), 0, &local);
	for (unsigned i = 0; i < all; i++) {
		int n = snprintf(address, sizeof(address), "u%u@example.org", i);
		address[n] = 'x';
		rcpt_cache_put(
		    c, str_from(address, i < all / 2 ? (size_t)n : sizeof(address)), 0, &unknown);
		ck_assert(rcpt_cache_find(c, STR("kept@example.org"), 0, &a));
		ck_assert_uint_le(rcpt_cache_count(c), RCPT_CACHE_ENTRIES);
		ck_assert_uint_le(rcpt_cache_octets(c), RCPT_CACHE_OCTETS);
	}
	ck_assert(!rcpt_cache_find(c, STR("u1@example.org"), 0, &a));
	/* Too large an answer for one. */
	static struct target many[1000];
	for (size_t i = 0; i < 1000; i++)
		many[i] = targets[0];
	rcpt_cache_put(c, STR("big@example.org"), 0,
	    &(struct smtp_rcpt_answer){
		.verdict = RCPT_LOCAL, .targets = many, .target_count = 1000});
	ck_assert(!rcpt_cache_find(c, STR("big@example.org"), 0, &a));
	rcpt_cache_free(c);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("parts");
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, every_status);
	tcase_add_test(tcase, long_and_strange_texts);
	tcase_add_test(tcase, valid_replies);
	tcase_add_test(tcase, recipients_are_collapsed);
	tcase_add_test(tcase, recipients_have_a_ceiling);
	tcase_add_test(tcase, deadlines_fire_in_time);
	tcase_add_test(tcase, deadlines_after_a_long_sleep);
	tcase_add_test(tcase, cookies_do_not_come_back);
	tcase_add_test(tcase, cache_remembers_what_is_certain);
	tcase_add_test(tcase, cache_knows_other_domains);
	tcase_add_test(tcase, cache_is_bounded);
	return unit_run_case("smtp parts", tcase);
}
