/* SPDX-License-Identifier: ISC
 *
 * Address lists of RFC 5322 as people and programs write them.
 */
#include "common/address-list.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { ITEMS_MAX = 6 };

static const struct good {
	const char *in;
	const char *out[ITEMS_MAX]; /* a leading "?" marks one without a domain */
} good[] = {
    {"", {NULL}},
    {" \t\r\n ", {NULL}},
    {"a@b", {"a@b"}},
    {"a@b, c@d", {"a@b", "c@d"}},
    {"a@b,c@d,", {"a@b", "c@d"}},
    {",,a@b,,", {"a@b"}},
    {"root", {"?root"}},
    {"root, ann@example.org", {"?root", "ann@example.org"}},
    {"root (Cron Daemon)", {"?root"}},
    {"(Cron (the \\) nested) Daemon) root", {"?root"}},
    {"Ann Other <ann@example.org>", {"ann@example.org"}},
    {"\"Other, Ann\" <ann@example.org>, bob", {"ann@example.org", "?bob"}},
    {"\"Ann \\\"The\\\" Other\" <ann@example.org>", {"ann@example.org"}},
    {"Dr. A. Other <a@b>", {"a@b"}},
    {"ann@work <ann@example.org>", {"ann@example.org"}},
    {"[bracketed] name <a@b>", {"a@b"}},
    {"<a@b>", {"a@b"}},
    {"< a . c @ b . d >", {"a.c@b.d"}},
    {"a (one) @ (two) b (three)", {"a@b"}},
    {"a.b.c@d.e.f", {"a.b.c@d.e.f"}},
    {"\"a b\"@c", {"\"a b\"@c"}},
    {"\"a\r\n b\"@c", {"\"a b\"@c"}},
    {"\"a,b;c<d>\"@e", {"\"a,b;c<d>\"@e"}},
    {"a@[127.0.0.1]", {"a@[127.0.0.1]"}},
    {"a@[IPv6:::1], b@c", {"a@[IPv6:::1]", "b@c"}},
    {"<@hosta,@hostb:joe@example.org>", {"joe@example.org"}},
    {"undisclosed-recipients:;", {NULL}},
    {"Friends: a@b, C D <c@d>; , e@f", {"a@b", "c@d", "e@f"}},
    {"A Group : (nobody) ;", {NULL}},
    {"a@b; c@d", {"a@b", "c@d"}},
    {"<>", {NULL}},
    {"<>, a@b", {"a@b"}},
    {"=?UTF-8?Q?J=C3=B6rg?= <joerg@example.org>", {"joerg@example.org"}},
    {"J\xc3\xb6rg <j\xc3\xb6rg@example.org>", {"j\xc3\xb6rg@example.org"}},
    {"a@b,\r\n c@d,\r\n\te@f", {"a@b", "c@d", "e@f"}},
    {"a!b%c@d", {"a!b%c@d"}},
    {"(only a comment)", {NULL}},
};

static const char *const bad[] = {
    "a b",
    "a@b c@d",
    "John Smith",
    "<a b@c>",
    "<a@b",
    "a@b>",
    "<a@b> c",
    "<a@b> <c@d>",
    "\"a@b",
    "a@[127.0.0.1",
    "(a@b",
    "a@b (c",
    ":a@b",
    "a: b: c;",
    "a\\b@c",
    "a)b@c",
    "<@a,@b c@d>",
    "<a@b,c@d>",
    "\"a\x01b\"@c",
    "a\x7f@c",
};

static void check_good(const struct good *g)
{
	struct address_list list;
	struct address_list_item item;
	size_t n = 0;
	address_list_init(&list, str_from_cstr(g->in));
	while (address_list_next(&list, &item)) {
		const char *want = n < ITEMS_MAX ? g->out[n] : NULL;
		ck_assert_msg(want != NULL, "\"%s\": one too many", g->in);
		bool bare = want[0] == '?';
		ck_assert_msg(str_eq(item.address, str_from_cstr(want + bare)), "\"%s\": %.*s",
		    g->in, STR_ARG(item.address));
		ck_assert_msg(item.qualified == !bare, "\"%s\"", g->in);
		ck_assert_uint_le(item.end, list.in.n);
		n++;
	}
	ck_assert_msg(list.fault == NULL, "\"%s\": %s", g->in, list.fault);
	ck_assert_msg(n == ITEMS_MAX || g->out[n] == NULL, "\"%s\": %zu only", g->in, n);
	address_list_release(&list);
}

START_TEST(good_lists)
{
	check_good(&good[_i]);
}
END_TEST

static const char *fault_of(struct str in)
{
	struct address_list list;
	struct address_list_item item;
	address_list_init(&list, in);
	while (address_list_next(&list, &item))
		continue;
	address_list_release(&list);
	return list.fault;
}

START_TEST(bad_lists)
{
	ck_assert_msg(fault_of(str_from_cstr(bad[_i])) != NULL, "\"%s\" was taken", bad[_i]);
}
END_TEST

START_TEST(an_address_may_not_be_endless)
{
	static char in[8192];
	memset(in, 'a', sizeof(in));
	ck_assert_ptr_nonnull(fault_of(str_from(in, sizeof(in))));
}
END_TEST

/* "root (Cron)" must become "root@host (Cron)". */
START_TEST(the_place_of_a_missing_domain)
{
	struct address_list list;
	struct address_list_item item;
	address_list_init(&list, STR("Cron <root (x)> , bob (y)"));
	ck_assert(address_list_next(&list, &item));
	ck_assert_uint_eq(item.end, strlen("Cron <root"));
	ck_assert(address_list_next(&list, &item));
	ck_assert_uint_eq(item.end, strlen("Cron <root (x)> , bob"));
	address_list_release(&list);
}
END_TEST

/* Exact copies on the heap, so that the sanitizer sees one octet read too far. */
START_TEST(every_prefix_is_survived)
{
	const char *in = good[_i].in;
	for (size_t n = 0; n <= strlen(in); n++) {
		char *copy = malloc(n + 1);
		memcpy(copy, in, n);
		char *exact = realloc(copy, n == 0 ? 1 : n);
		fault_of(str_from(exact, n));
		free(exact);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("address-list");
	tcase_add_loop_test(tc, good_lists, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tc, bad_lists, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(tc, every_prefix_is_survived, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_test(tc, an_address_may_not_be_endless);
	tcase_add_test(tc, the_place_of_a_missing_domain);
	return unit_run_case("address-list", tc);
}
