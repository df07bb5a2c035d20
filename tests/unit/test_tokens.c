/* SPDX-License-Identifier: ISC
 *
 * What is remembered for a while and then forgotten: tokens of submissions, and
 * contents of messages just accepted. Both are bounded.
 */
#include "queue/contents.h"
#include "queue/tokens.h"
#include "tests/unit/unit.h"


START_TEST(a_token_stands_for_its_message)
{
	struct tokens *t = tokens_new();
	uint64_t id = 0;
	ck_assert(!tokens_find(t, 5, 0, &id));
	tokens_add(t, 5, 100, 0);
	ck_assert(tokens_find(t, 5, 0, &id));
	ck_assert_uint_eq(id, 100);
	tokens_add(t, 5, 101, 1); /* a newer message took it over */
	ck_assert(tokens_find(t, 5, 1, &id));
	ck_assert_uint_eq(id, 101);
	tokens_remove(t, 5, 100);
	ck_assert(tokens_find(t, 5, 1, &id));
	tokens_remove(t, 5, 101);
	ck_assert(!tokens_find(t, 5, 1, &id));
	tokens_remove(t, 5, 101);
	tokens_free(t);
}
END_TEST

START_TEST(tokens_expire)
{
	struct tokens *t = tokens_new();
	uint64_t id;
	for (uint64_t i = 1; i <= 100; i++)
		tokens_add(t, i, i, i * 1000);
	ck_assert(tokens_find(t, 1, 1000 + TOKEN_LIFETIME_MS, &id));
	ck_assert(!tokens_find(t, 1, 1001 + TOKEN_LIFETIME_MS, &id));
	ck_assert(tokens_find(t, 2, 1001 + TOKEN_LIFETIME_MS, &id));
	ck_assert(!tokens_find(t, 50, 50001 + TOKEN_LIFETIME_MS, &id));
	ck_assert(tokens_find(t, 51, 50001 + TOKEN_LIFETIME_MS, &id));
	tokens_free(t);
}
END_TEST

START_TEST(the_oldest_tokens_give_way)
{
	struct tokens *t = tokens_new();
	uint64_t id;
	for (uint64_t i = 1; i <= TOKENS_MAX + 1001; i++) {
		tokens_add(t, i, i, 0);
		if (i % 3 == 0)
			tokens_remove(t, i, i);
	}
	ck_assert(!tokens_find(t, 1001, 0, &id));
	ck_assert(!tokens_find(t, 1002, 0, &id)); /* removed */
	ck_assert(tokens_find(t, 1003, 0, &id));
	ck_assert(tokens_find(t, TOKENS_MAX + 1001, 0, &id));
	ck_assert_uint_eq(id, TOKENS_MAX + 1001);
	tokens_free(t);
}
END_TEST

static bool has(const struct contents *c, uint64_t id)
{
	struct str s;
	return contents_get(c, id, &s);
}

START_TEST(contents_are_kept_while_they_fit)
{
	static const char octets[1000];
	struct contents *c = contents_new(10 * 1024);
	struct str s;
	contents_put(c, content_new(STR("hello")), 1, 0);
	ck_assert(contents_get(c, 1, &s));
	ck_assert(str_eq(s, STR("hello")));
	for (uint64_t id = 2; id < 30; id++)
		contents_put(c, content_new(str_from(octets, sizeof(octets))), id, 0);
	ck_assert(has(c, 1));
	ck_assert(has(c, 9));
	ck_assert(!has(c, 29));
	contents_drop(c, 5);
	ck_assert(!has(c, 5));
	contents_drop(c, 5);
	contents_put(c, content_new(str_from(octets, sizeof(octets))), 40, 1);
	ck_assert(has(c, 40));
	contents_free(c);
}
END_TEST

START_TEST(stale_contents_give_way)
{
	static const char octets[1000];
	struct contents *c = contents_new(5 * 1024);
	for (uint64_t id = 1; id <= 4; id++)
		contents_put(c, content_new(str_from(octets, sizeof(octets))), id, id);
	contents_put(c, content_new(str_from(octets, sizeof(octets))), 5, 100);
	ck_assert(!has(c, 5));
	contents_put(c, content_new(str_from(octets, sizeof(octets))), 6, CONTENT_STALE_MS + 1);
	ck_assert(has(c, 6));
	ck_assert(!has(c, 1));
	ck_assert(has(c, 2));
	contents_put(c, content_new(str_from(octets, 0)), 7, CONTENT_STALE_MS + 1);
	ck_assert(has(c, 7));
	contents_free(c);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("tokens");
	tcase_add_test(tc, a_token_stands_for_its_message);
	tcase_add_test(tc, tokens_expire);
	tcase_add_test(tc, the_oldest_tokens_give_way);
	tcase_add_test(tc, contents_are_kept_while_they_fit);
	tcase_add_test(tc, stale_contents_give_way);
	return unit_run_case("tokens", tc);
}
