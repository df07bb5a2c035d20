/* SPDX-License-Identifier: ISC
 *
 * The heap against a plain array: whatever is added and removed, the first is the
 * smallest, and every node knows its place.
 */
#include "queue/heap.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { NODES = 500, STEPS = 20000 };

static uint32_t smallest(const struct heap_node *nodes)
{
	uint32_t best = UINT32_MAX;
	for (size_t i = 0; i < NODES; i++)
		if (heap_holds(&nodes[i]) && nodes[i].when < best)
			best = nodes[i].when;
	return best;
}

START_TEST(first_is_always_the_smallest)
{
	static struct heap_node nodes[NODES];
	struct heap h = {0};
	srand(1);
	for (int step = 0; step < (int)unit_times(STEPS); step++) {
		struct heap_node *node = &nodes[rand() % NODES];
		if (heap_holds(node)) {
			heap_remove(&h, node);
		} else {
			node->when = (uint32_t)rand() % 1000;
			heap_add(&h, node);
		}
		const struct heap_node *first = heap_first(&h);
		if (h.count == 0)
			ck_assert_ptr_null(first);
		else if (step % 16 == 0)
			ck_assert_uint_eq(first->when, smallest(nodes));
		for (uint32_t i = 0; step % 64 == 0 && i < h.count; i++)
			ck_assert_uint_eq(h.nodes[i]->at, i + 1);
	}
	heap_reset(&h);
}
END_TEST

START_TEST(array_shrinks_again)
{
	static struct heap_node nodes[100000];
	const uint32_t count = unit_times(100000);
	struct heap h = {0};
	for (uint32_t i = 0; i < count; i++) {
		nodes[i].when = i;
		heap_add(&h, &nodes[i]);
	}
	ck_assert_uint_le(h.cap, count * 3 / 2);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_ptr_eq(heap_first(&h), &nodes[i]);
		heap_remove(&h, &nodes[i]);
	}
	ck_assert_uint_le(h.cap, 128);
	heap_reset(&h);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("heap");
	tcase_add_test(tc, first_is_always_the_smallest);
	tcase_add_test(tc, array_shrinks_again);
	return unit_run_case("heap", tc);
}
