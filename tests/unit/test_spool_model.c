/* SPDX-License-Identifier: ISC
 *
 * Random lives of a spool: mail, results, cleaning, faults, deaths and power cuts in any
 * order, and after each the promises. A life is its seed: SPOOL_SEED=n runs one alone, with
 * SPOOL_LIVES=m that many from it on.
 */
#include "spool-model.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIVES = 1000, STEPS = 150, SEGMENT = 64 * 1024 };

static struct sim sim;
static struct model model;

static void op_submit(void)
{
	uint64_t x = sim_random(&sim);
	uint32_t size = x % 8 == 0 ? 0 : (uint32_t)(x / 8 % 6000);
	bool large = x / 65536 % 16 == 0;
	if (model.count < 2000)
		model_submit(&model, large ? size * 5 : size, (uint16_t)(1 + x / 1024 % MODEL_RECIPIENTS), large);
}

static void op_result(void)
{
	struct model_message *msg = model_pick(&model, sim_random(&sim));
	if (msg != NULL)
		model_give_result(&model, msg);
}

static void op_finish(void)
{
	struct model_message *msg = model_pick(&model, sim_random(&sim));
	if (msg != NULL)
		model_finish(&model, msg);
}

static void op_finish_many(void)
{
	for (int i = 0; i < 10; i++)
		op_finish();
}

static void op_turn(void)
{
	model_turn(&model, false);
}

static void op_second(void)
{
	model_turn(&model, true);
}

static void op_read(void)
{
	struct model_message *msg = model_pick(&model, sim_random(&sim));
	if (msg != NULL && !sim.dead)
		model_check_content(&model, msg);
}

static void op_fault(void)
{
	static const int errors[] = {EIO, ENOSPC, EROFS};
	sim.fail_in = 1 + sim_below(&sim, 8);
	sim.fail_count = 1 + sim_below(&sim, sim_below(&sim, 3) == 0 ? 60 : 2);
	sim.fail_errno = errors[sim_below(&sim, 3)];
	sim.only_syncs_fail = sim_below(&sim, 3) == 0;
}

static void op_cut_later(void)
{
	sim.cut_in = 1 + sim_below(&sim, 10);
}

static void op_fill_disk(void)
{
	sim.free_space = sim.free_space == 0 ? UINT64_MAX / 2 : 0;
}

static void op_short_writes(void)
{
	sim.short_writes = !sim.short_writes;
}

static void reopen(void)
{
	sim.free_space = UINT64_MAX / 2;
	model_open(&model);
	model_check_all(&model);
}

/* The power goes while it opens. */
static void die_opening(void)
{
	sim.cut_in = 1 + sim_below(&sim, 6);
	model_open_dying(&model);
	sim_restart(&sim, sim_below(&sim, 2) == 0);
}

static void op_crash(void)
{
	model_crash(&model, sim_below(&sim, 2) == 0);
	if (sim_below(&sim, 6) == 0)
		die_opening();
	if (sim_below(&sim, 6) == 0)
		op_fault();
	reopen();
}

static void op_close(void)
{
	if (sim.dead) {
		op_crash();
		return;
	}
	model_close(&model);
	reopen();
}

static const struct {
	unsigned weight;
	void (*run)(void);
} ops[] = {
    {30, op_submit},
    {10, op_result},
    {12, op_finish},
    {1, op_finish_many},
    {15, op_turn},
    {6, op_second},
    {3, op_read},
    {1, op_fault},
    {1, op_cut_later},
    {1, op_fill_disk},
    {1, op_short_writes},
    {2, op_crash},
    {1, op_close},
};

static void random_op(void)
{
	unsigned total = 0;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		total += ops[i].weight;
	uint64_t x = sim_below(&sim, total);
	for (size_t i = 0;; i++) {
		if (x < ops[i].weight) {
			model_note("op", i);
			ops[i].run();
			return;
		}
		x -= ops[i].weight;
	}
}

static void live(uint64_t seed)
{
	sim_init(&sim, seed);
	model_init(&model, &sim, SEGMENT);
	model.options.spool_max = seed % 3 == 0 ? 12 * SEGMENT : 0;
	model_open(&model);
	for (int i = 0; i < STEPS; i++) {
		random_op();
		if (sim.dead && sim_below(&sim, 4) == 0)
			op_crash();
	}
	op_crash();
	ck_assert_uint_eq(model.damages, 0);
	model_reset(&model);
	sim_reset(&sim);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

START_TEST(lives)
{
	uint64_t first = setting("SPOOL_SEED", 1);
	uint64_t count = setting("SPOOL_LIVES", getenv("SPOOL_SEED") != NULL ? 1 : LIVES);
	for (uint64_t seed = first; seed < first + count; seed++) {
		model_note("seed", seed);
		live(seed);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("lives");
	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, lives);
	return unit_run_case("spool model", tc);
}
