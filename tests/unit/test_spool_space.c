/* SPDX-License-Identifier: ISC
 *
 * What happens when there is no room: the spool's own limit, or the file system's. What it takes
 * while there is, test_spool_bounds.c tells.
 */
#include "spool-model.h"
#include "unit.h"

#include <errno.h>

enum { SEGMENT = 64 * 1024, SIZE = 2000, MAX = 12 * SEGMENT };

static struct sim sim;
static struct model model;

static void begin(uint64_t spool_max)
{
	sim_init(&sim, 3);
	model_init(&model, &sim, SEGMENT);
	model.options.spool_max = spool_max;
	model_open(&model);
}

static void end(void)
{
	model_check_all(&model);
	model_crash(&model, true);
	model_open(&model);
	model_check_all(&model);
	ck_assert_uint_eq(model.damages, 0);
	model_reset(&model);
	sim_reset(&sim);
}

static struct spool_figures figures(void)
{
	struct spool_figures f;
	spool_get_figures(model.spool, &f);
	return f;
}

static void finish_all(void)
{
	for (size_t i = 0; i < model.count; i++)
		if (model_is_live(&model.messages[i]))
			model_finish(&model, &model.messages[i]);
}

/* Mail is refused at the limit, results are not; when mail is finished it is taken again. */
START_TEST(full_by_its_own_limit)
{
	begin(MAX);
	for (int time = 0; time < 3; time++) {
		int i = 0;
		while (model.space_error == 0 && i++ < 1000) {
			model_submit(&model, SIZE, 1, false);
			model_turn(&model, false);
			ck_assert_uint_le(figures().octets, MAX + 2 * SEGMENT);
		}
		ck_assert_int_eq(model.space_error, ENOSPC);
		ck_assert_int_gt(i, 10);
		finish_all();
		for (i = 0; i < 10; i++)
			model_turn(&model, true);
		ck_assert_int_eq(model.space_error, 0);
		ck_assert_uint_le(figures().octets, MAX);
	}
	end();
}
END_TEST

/* The file system's own: what there is can be finished within the segments that there are. */
START_TEST(full_disk)
{
	begin(0);
	for (int i = 0; i < 200; i++) {
		model_submit(&model, SIZE, 1, false);
		model_turn(&model, i % 16 == 0);
	}
	sim.free_space = 0;
	for (int i = 0; i < 200; i++) {
		model_submit(&model, SIZE, 1, false);
		model_turn(&model, i % 16 == 0);
	}
	ck_assert_int_eq(model.space_error, ENOSPC);
	uint64_t octets = figures().octets;
	ck_assert_int_lt(spool_large_create(model.spool, spool_next_id(model.spool)), 0);
	ck_assert_int_eq(errno, ENOSPC);
	model_check_all(&model);
	finish_all();
	for (int i = 0; i < 10; i++)
		model_turn(&model, true);
	ck_assert_uint_le(figures().octets, octets + 2 * SEGMENT);
	sim.free_space = UINT64_MAX / 2;
	for (int i = 0; i < 3; i++)
		model_turn(&model, true);
	ck_assert_int_eq(model.space_error, 0);
	model_submit(&model, SIZE, 1, false);
	model_turn(&model, false);
	ck_assert_int_eq(model.messages[model.count - 1].state, MODEL_COMMITTED);
	end();
}
END_TEST

UNIT_MAIN("spool space", full_by_its_own_limit, full_disk)
