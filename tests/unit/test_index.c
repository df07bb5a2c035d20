/* SPDX-License-Identifier: ISC
 *
 * The index of messages against a bitmap: find, order and counts, for ids that come
 * in order, in reverse, at random, and for few survivors of many.
 */
#include "queue/index.h"
#include "queue/message.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { IDS = 20000, FEW_IDS = 3000 }; /* both of several leaves */

static struct message *messages[IDS];
static struct index idx;
static size_t ids;

static void setup(void)
{
	ids = unit_wants_few_rounds() ? FEW_IDS : IDS;
	for (size_t i = 0; i < ids; i++) {
		messages[i] = calloc(1, sizeof(struct message));
		messages[i]->id = (i + 1) * 3;
	}
	idx = (struct index){0};
}

static void teardown(void)
{
	index_reset(&idx);
	for (size_t i = 0; i < ids; i++)
		free(messages[i]);
}

static void check_order(const bool *in, size_t count)
{
	uint64_t id = 0;
	size_t seen = 0;
	ck_assert_uint_eq(idx.count, count);
	for (size_t i = 0; i < ids; i++) {
		ck_assert_ptr_eq(index_find(&idx, messages[i]->id), in[i] ? messages[i] : NULL);
		ck_assert_ptr_null(index_find(&idx, messages[i]->id + 1));
		if (!in[i])
			continue;
		const struct message *m = index_after(&idx, id);
		ck_assert_ptr_eq(m, messages[i]);
		id = m->id;
		seen++;
	}
	ck_assert_ptr_null(index_after(&idx, id));
	ck_assert_uint_eq(seen, count);
}

static size_t place_of(int order, size_t i)
{
	return order == 0   ? i
	       : order == 1 ? ids - 1 - i
			    : i * 7919 % ids; /* 7919 is prime to both */
}

START_TEST(keeps_order_however_ids_come)
{
	static bool in[IDS];
	for (size_t i = 0; i < ids; i++) {
		index_add(&idx, messages[place_of(_i, i)]);
		in[place_of(_i, i)] = true;
	}
	check_order(in, ids);
	ck_assert_uint_le(idx.leaf_count, _i == 0 ? ids / 510 + 1 : ids / 240);
	for (size_t i = 0; i < ids; i++)
		if (i % 3 != 0) {
			index_remove(&idx, messages[i]->id);
			in[i] = false;
		}
	check_order(in, (ids + 2) / 3);
}
END_TEST

START_TEST(few_survivors_share_leaves)
{
	for (size_t i = 0; i < ids; i++)
		index_add(&idx, messages[i]);
	for (size_t i = 0; i < ids; i++)
		if (i % 500 != 0)
			index_remove(&idx, messages[i]->id);
	ck_assert_uint_eq(idx.count, ids / 500);
	ck_assert_uint_le(idx.leaf_count, 2);
}
END_TEST

START_TEST(comings_and_goings)
{
	static bool in[IDS];
	size_t count = 0;
	srand(2);
	for (int step = 0; step < (int)unit_times(100000); step++) {
		size_t i = (size_t)rand() % ids;
		if (in[i])
			index_remove(&idx, messages[i]->id);
		else
			index_add(&idx, messages[i]);
		count = in[i] ? count - 1 : count + 1;
		in[i] = !in[i];
	}
	check_order(in, count);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("index");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, keeps_order_however_ids_come, 0, 3);
	tcase_add_test(tc, few_survivors_share_leaves);
	tcase_add_test(tc, comings_and_goings);
	return unit_run_case("index", tc);
}
