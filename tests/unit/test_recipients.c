/* SPDX-License-Identifier: ISC */
#include "control/recipients.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define ORIGIN STR("mx.example.test")

START_TEST(each_once_complete_and_in_order)
{
	struct recipients r;
	recipients_init(&r);
	ck_assert(recipients_add_list(&r, STR("root, Ann <ann@example.org>, root"), ORIGIN));
	ck_assert(recipients_add_list(&r, STR("ann@example.org"), ORIGIN));
	ck_assert(recipients_add_list(&r, STR("root@mx.example.test, \"a b\"@c.test"), ORIGIN));
	ck_assert_uint_eq(r.count, 3);
	ck_assert(str_eq(r.list[0], STR("root@mx.example.test")));
	ck_assert(str_eq(r.list[1], STR("ann@example.org")));
	ck_assert(str_eq(r.list[2], STR("\"a b\"@c.test")));
	ck_assert(!r.need_utf8);
	ck_assert(recipients_add_list(&r, STR("j\xc3\xb6rg@example.org"), ORIGIN));
	ck_assert(r.need_utf8);
	recipients_release(&r);
}
END_TEST

static const struct {
	const char *in, *why;
} bad[] = {
    {"two words", "two words"},
    {"a@b@c", "no mail address"},
    {"@example.org", "no mail address"},
    {"a@", "no mail address"},
    {"a..b@c.test", "no mail address"},
    {"a@-.test", "no mail address"},
    {"<a@b", "not closed"},
    {"a@b\x01", "\"a@b?\""},
};

START_TEST(what_is_no_address_is_refused)
{
	struct recipients r;
	recipients_init(&r);
	ck_assert_msg(
	    !recipients_add_list(&r, str_from_cstr(bad[_i].in), ORIGIN), "%s", bad[_i].in);
	ck_assert_msg(strstr(r.why, bad[_i].why) != NULL, "%s", r.why);
	ck_assert_uint_eq(r.count, 0);
	recipients_release(&r);
}
END_TEST

START_TEST(a_hundred_thousand_are_too_many)
{
	struct recipients r;
	recipients_init(&r);
	bool ok = true;
	for (unsigned i = 0; i < 100000 && ok; i++) {
		char address[64];
		int n = snprintf(address, sizeof(address), "user%u@example.org", i);
		ok = recipients_add(&r, str_from(address, (size_t)n), true, ORIGIN);
	}
	ck_assert(!ok);
	ck_assert_uint_eq(r.count, 65535);
	ck_assert(strstr(r.why, "65535") != NULL);
	recipients_release(&r);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("recipients");
	tcase_add_test(tc, each_once_complete_and_in_order);
	tcase_add_loop_test(tc, what_is_no_address_is_refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, a_hundred_thousand_are_too_many);
	return unit_run_case("recipients", tc);
}
