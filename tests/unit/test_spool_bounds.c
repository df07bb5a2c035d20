/* SPDX-License-Identifier: ISC
 *
 * The two bounds of cleaning (doc/architecture.md): what the segments take for what is
 * live, and what cleaning writes for what is written otherwise; and that of what it moved
 * nothing is lost.
 */
#include "spool-model.h"
#include "tests/unit/unit.h"


enum { SEGMENT = 256 * 1024, A_ROUND = 8, SOME_SEGMENTS = 8, STAYS = 50 };
enum { ROUNDS = 750, FEW_ROUNDS = 400 };

static struct sim sim;
static struct model model;

/* Which message ends next, by the number of messages so far and chance. */
typedef size_t order_fn(size_t count);

static size_t oldest_first(size_t count)
{
	(void)count;
	return 0;
}

static size_t any(size_t count)
{
	return (size_t)sim_below(&sim, count);
}

/* What came first stays for good: cleaning carries it round for ever. */
static size_t youngest_first(size_t count)
{
	return count - 1;
}

static struct {
	size_t list[ROUNDS * A_ROUND]; /* of live messages, by age: their numbers */
	size_t count;
} live;

static uint32_t most_segments;

static void end_one(order_fn *next)
{
	size_t i = next(live.count);
	model_finish(&model, &model.messages[live.list[i]]);
	live.count--;
	for (; i < live.count; i++)
		live.list[i] = live.list[i + 1];
}

static void check_space(void)
{
	struct spool_figures f;
	spool_get_figures(model.spool, &f);
	ck_assert_uint_le(
	    (uint64_t)f.segments * SEGMENT, f.live * 5 / 2 + (uint64_t)SOME_SEGMENTS * SEGMENT);
	/* And the free ones: two and a tenth of what was in use when they became free. */
	most_segments = f.segments > most_segments ? f.segments : most_segments;
	ck_assert_uint_le(f.free_segments, 2 + most_segments / 10 + 1);
	ck_assert_uint_eq(f.octets, (uint64_t)(f.segments + f.free_segments) * SEGMENT);
}

static void a_round(order_fn *next, size_t keep, uint32_t size, bool some_stay)
{
	for (int i = 0; i < A_ROUND; i++) {
		if (!some_stay || model.count % STAYS != 0)
			live.list[live.count++] = model.count;
		model_submit(&model, size, 1, false);
	}
	model_turn(&model, false);
	while (live.count > keep)
		end_one(next);
	check_space();
}

static void life(order_fn *next, size_t keep, uint32_t size, bool some_stay)
{
	struct spool_figures f;
	const int rounds = unit_wants_few_rounds() ? FEW_ROUNDS : ROUNDS;
	live.count = most_segments = 0;
	sim_init(&sim, 7);
	model_init(&model, &sim, SEGMENT);
	model_open(&model);
	for (int i = 0; i < rounds; i++) {
		a_round(next, keep, size, some_stay);
		if (i % 8 == 7)
			model_turn(&model, true);
	}
	spool_get_figures(model.spool, &f);
	ck_assert_uint_gt(f.moved, 0);
	ck_assert_uint_le(f.moved, model.spool->taken + (uint64_t)SOME_SEGMENTS * SEGMENT);
	/* And all that was moved is still there. */
	model_check_all(&model);
	model_crash(&model, true);
	model_open(&model);
	model_check_all(&model);
	ck_assert_uint_eq(model.damages, 0);
	model_reset(&model);
	sim_reset(&sim);
}

static const struct {
	order_fn *next;
	size_t keep;
	uint32_t size;
	bool some_stay; /* one in fifty for good */
} lives[] = {
    {oldest_first, 10, 1000, false},
    {oldest_first, 1500, 1000, false},
    {oldest_first, 1500, 5000, false},
    {any, 200, 5000, false},
    {any, 1500, 5000, false},
    {youngest_first, 200, 1000, false},
    {youngest_first, 200, 5000, false},
    {youngest_first, 1500, 1000, false},
    {youngest_first, 1500, 5000, false},
    {any, 2, 2000, true},
    {oldest_first, 20, 2000, true},
};

START_TEST(cleaning_keeps_its_bounds)
{
	life(lives[_i].next, lives[_i].keep, lives[_i].size, lives[_i].some_stay);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("bounds");
	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, cleaning_keeps_its_bounds, 0, sizeof(lives) / sizeof(lives[0]));
	return unit_run_case("spool bounds", tc);
}
