/* SPDX-License-Identifier: ISC
 *
 * The bounds that spool-clean.h and spool-stock.h state: what the spool takes beside what is live,
 * what cleaning writes beside what came in, and what happens when the disk is full.
 */
#include "spool-model.h"
#include "unit.h"

#include <errno.h>

enum { SEGMENT = 64 * 1024, SIZE = 2000, ROUNDS = 1200, MAX = 12 * SEGMENT };

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

/* The segment under cleaning and the one that its survivors go to come on top. */
static void check_bounds(void)
{
	const struct spool_figures f = figures();
	ck_assert_uint_le((uint64_t)f.segments * SEGMENT, 2 * f.live + 6 * SEGMENT);
	ck_assert_uint_le(f.free_segments, 3 + f.segments / 10);
	ck_assert_uint_eq(f.octets, (uint64_t)(f.segments + f.free_segments) * SEGMENT);
}

/* Which message is finished next, of `count`. */
static size_t the_oldest(size_t count)
{
	(void)count;
	return 0;
}

static size_t the_newest(size_t count)
{
	return count - 1;
}

static size_t any_one(size_t count)
{
	return sim_below(&sim, count);
}

static const struct {
	const char *what;
	size_t (*next)(size_t count);
	size_t live; /* messages, once it is so many */
	bool slow;   /* one in fifty stays for ever */
} loads[] = {
    {"a queue that drains in order", the_oldest, 50, false},
    {"a stack", the_newest, 200, false},
    {"any order", any_one, 200, false},
    {"few that stay", the_oldest, 20, true},
    {"hardly any", any_one, 2, false},
};

static struct model_message *pick_live(size_t load)
{
	struct model_message *live[ROUNDS];
	size_t n = 0;
	for (size_t i = 0; i < model.count; i++)
		if (model_is_live(&model.messages[i]) && !(loads[load].slow && i % 50 == 0))
			live[n++] = &model.messages[i];
	return n < loads[load].live ? NULL : live[loads[load].next(n)];
}

START_TEST(space_and_writes_are_bounded)
{
	bool any_moved = false;
	for (size_t load = 0; load < sizeof(loads) / sizeof(loads[0]); load++) {
		begin(0);
		for (int round = 0; round < ROUNDS; round++) {
			model_submit(&model, SIZE, 1, false);
			model_turn(&model, false);
			struct model_message *m = pick_live(load);
			if (m != NULL)
				model_finish(&model, m);
			model_turn(&model, round % 4 == 0);
			check_bounds();
		}
		const struct spool_figures f = figures();
		/* It is at work only while less than half of what is taken is live. */
		uint64_t came_in = f.written - f.moved;
		ck_assert_msg(f.moved <= came_in, "%s: %llu moved, %llu came in", loads[load].what,
		    (unsigned long long)f.moved, (unsigned long long)came_in);
		any_moved = any_moved || f.moved > 0;
		end();
	}
	ck_assert(any_moved);
}
END_TEST

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

UNIT_MAIN("spool space", space_and_writes_are_bounded, full_by_its_own_limit, full_disk)
