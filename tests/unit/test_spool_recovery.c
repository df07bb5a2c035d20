/* SPDX-License-Identifier: ISC
 *
 * Failures in a certain order, which random lives meet rarely. Whether a sector that no sync
 * confirmed is on the platter is a coin: every test throws it many times.
 */
#include "spool-model.h"
#include "unit.h"

#include "common/queue-id.h"

#include <errno.h>

enum { SEGMENT = 64 * 1024, COINS = 60 };

static struct sim sim;
static struct model model;

static void begin(uint64_t seed)
{
	sim_init(&sim, seed);
	model_init(&model, &sim, SEGMENT);
	model_open(&model);
}

static void end(void)
{
	ck_assert_uint_eq(model.damages, 0);
	model_check_all(&model);
	model_reset(&model);
	sim_reset(&sim);
}

/* By its place: the list moves when it grows. */
static size_t commit_one(uint32_t size)
{
	model_submit(&model, size, MODEL_RECIPIENTS, false);
	model_turn(&model, false);
	ck_assert_int_eq(model.messages[model.count - 1].state, MODEL_COMMITTED);
	return model.count - 1;
}

static void fail_from(uint64_t n, bool only_syncs)
{
	sim.fail_in = n;
	sim.fail_count = UINT64_MAX;
	sim.fail_errno = EIO;
	sim.only_syncs_fail = only_syncs;
}

static void stop_failing(void)
{
	sim.fail_in = sim.fail_count = 0;
	sim.only_syncs_fail = false;
}

static void give_many_results(void)
{
	for (size_t i = 0; i < model.count; i++)
		for (int k = 0; k < MODEL_HISTORY; k++)
			model_give_result(&model, &model.messages[i]);
}

/* Results are kept when their batch fails and fail again in a fresh segment, whose header is
 * lost with the power though records behind it are not. The next life uses the same slot. */
START_TEST(a_sequence_is_not_used_twice)
{
	for (uint64_t seed = 1; seed <= COINS; seed++) {
		begin(seed);
		for (int i = 0; i < 6; i++)
			commit_one(100);
		give_many_results();
		fail_from(1, true);
		model_turn(&model, true);
		model_crash(&model, true);
		model_open(&model);
		commit_one(10);
		model_crash(&model, true);
		model_open(&model);
		end();
	}
}
END_TEST

/* What an opening told is on disk before anything is written: here the kernel shows a batch whose
 * sync failed, and it cannot be written again while the spool opens. */
START_TEST(what_was_told_is_owed_to_the_disk)
{
	unsigned seen = 0;
	for (uint64_t seed = 1; seed <= COINS; seed++) {
		begin(seed);
		if (seed % 2 == 0)
			commit_one(100); /* else it is the segment's first, with the header */
		model_submit(&model, 3000, 1, false);
		fail_from(seed % 2 == 0 ? 2 : 4, false);
		model_turn(&model, false);
		size_t told = model.count - 1;
		ck_assert_int_eq(model.messages[told].state, MODEL_UNSURE);
		model_crash(&model, false);
		fail_from(1, seed % 3 == 0);
		model_open(&model);
		if (model.messages[told].state != MODEL_COMMITTED) {
			end(); /* by a coin, the header of the next segment is there and voids it */
			continue;
		}
		seen++;
		model_submit(&model, 100, 1, false);
		model_turn(&model, false);
		ck_assert_int_eq(model.messages[told + 1].state, MODEL_UNSURE);
		if (seed % 5 == 0) {
			model_crash(&model, false);
			model_open(&model);
		} else {
			stop_failing();
			model_turn(&model, true);
			ck_assert_int_eq(model.space_error, 0);
		}
		commit_one(100);
		model_crash(&model, true);
		model_open(&model);
		ck_assert_int_eq(model.messages[told].state, MODEL_COMMITTED);
		end();
	}
	ck_assert_uint_gt(seen, COINS / 4);
}
END_TEST

/* A header that only the kernel has voids a batch that is whole: a message that was not told
 * stays untold, since that header is written again before anything else is. */
START_TEST(what_was_voided_stays_void)
{
	for (uint64_t seed = 1; seed <= COINS; seed++) {
		begin(seed);
		commit_one(100);
		model_submit(&model, 50, 1, false);
		fail_from(1, true);
		model_turn(&model, false);
		model_crash(&model, false);
		fail_from(1, false); /* nothing can be repaired while it opens */
		model_open(&model);
		ck_assert_int_eq(model.messages[1].state, MODEL_GONE);
		stop_failing();
		sim.cut_in = 3; /* the header, its sync; what came next would void that batch, too */
		model_turn(&model, true);
		ck_assert(sim.dead);
		model_crash(&model, true);
		model_open(&model);
		ck_assert_int_eq(model.messages[1].state, MODEL_GONE);
		end();
	}
}
END_TEST

/* A large message that was refused while nothing could be written may be found again: then its
 * content must be there. When the failure is settled, the file goes. */
START_TEST(a_refused_content_goes_when_it_is_void)
{
	char name[QUEUE_ID_SIZE];
	unsigned seen = 0;
	for (uint64_t seed = 1; seed <= COINS; seed++) {
		begin(seed);
		commit_one(100);
		model_submit(&model, 5000, 1, true);
		queue_id_format(model.messages[1].id, name);
		fail_from(4, false); /* the sync of its batch */
		model_turn(&model, false);
		ck_assert_int_eq(model.messages[1].state, MODEL_UNSURE);
		if (seed % 2 == 0) {
			stop_failing();
			model_turn(&model, true);
			ck_assert_ptr_null(sim_find(&sim, SPOOL_DIR_LARGE, name));
		}
		model_crash(&model, seed % 4 < 2);
		model_open(&model);
		bool there = model.messages[1].state == MODEL_COMMITTED;
		ck_assert_int_eq(there, sim_find(&sim, SPOOL_DIR_LARGE, name) != NULL);
		seen += there;
		end();
	}
	ck_assert_uint_gt(seen, 0);
}
END_TEST

/* The power goes between a header and its first batch, and the next opening cannot give that
 * segment an index; later it is the log's first. */
START_TEST(a_segment_without_batches_is_not_missing)
{
	begin(1);
	commit_one(100);
	model_crash(&model, true);
	model_open(&model);
	model_submit(&model, 100, 1, false);
	sim.cut_in = 3; /* header, its sync, the batch */
	model_turn(&model, false);
	ck_assert(sim.dead);
	model_crash(&model, true);
	fail_from(1, false);
	model_open(&model);
	stop_failing();
	model_finish(&model, &model.messages[0]);
	model_turn(&model, true);
	ck_assert_int_eq(model.messages[0].state, MODEL_GONE);
	model_crash(&model, true);
	model_open(&model);
	end();
}
END_TEST

UNIT_MAIN("spool recovery", a_sequence_is_not_used_twice, what_was_told_is_owed_to_the_disk,
    what_was_voided_stays_void, a_refused_content_goes_when_it_is_void,
    a_segment_without_batches_is_not_missing)
