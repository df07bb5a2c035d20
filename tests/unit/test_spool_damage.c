/* SPDX-License-Identifier: ISC
 *
 * Damage done by hand to a spool that lies still: each kind says what it is, costs the records
 * that it hits and no other, and is not said twice.
 */
#include "spool-model.h"
#include "unit.h"

#include "queue/spool-bytes.h"
#include "queue/spool-segment.h"

#include "common/queue-id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEGMENT = 64 * 1024, MESSAGES = 60, SIZE = 3000, CUT = 32 * 1024 };

static struct sim sim;
static struct model model;
static uint32_t slot; /* that is harmed: neither the oldest nor the newest */

static void prepare(bool closed)
{
	sim_init(&sim, 7);
	model_init(&model, &sim, SEGMENT);
	model_open(&model);
	for (int i = 0; i < MESSAGES; i++) {
		model_submit(&model, SIZE, 2, i == 0);
		model_turn(&model, false);
	}
	slot = model.messages[MESSAGES / 2].place.segment;
	ck_assert_uint_ne(slot, model.messages[0].place.segment);
	ck_assert_uint_ne(slot, model.messages[MESSAGES - 1].place.segment);
	if (closed)
		model_close(&model);
	else
		model_crash(&model, false);
}

static struct sim_file *segment(uint32_t number)
{
	char name[16];
	snprintf(name, sizeof(name), "%08u", number);
	struct sim_file *f = sim_find(&sim, SPOOL_DIR_SEGMENTS, name);
	ck_assert_ptr_nonnull(f);
	return f;
}

static void flip(struct sim_file *f, size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++)
		f->now[i] = f->durable[i] = (uint8_t)~f->now[i];
}

static void lose_file(struct sim_file *f)
{
	f->named = f->named_durably = false;
}

/* --- Kinds of damage --- */

static void lose_header(void)
{
	struct sim_file *f = segment(slot);
	memset(f->now, 0, SPOOL_BLOCK);
	memset(f->durable, 0, SPOOL_BLOCK);
}

static void flip_header(void)
{
	flip(segment(slot), 30, 1);
}

static void flip_header_and_footer(void)
{
	flip(segment(slot), 30, 1);
	flip(segment(slot), SEGMENT - SPOOL_FOOTER_SIZE, SPOOL_FOOTER_SIZE);
}

static void flip_footer(void)
{
	flip(segment(slot), SEGMENT - 20, 1);
}

static void flip_index(void)
{
	enum { AT_OFFSET = 16 }; /* in the footer */
	struct sim_file *f = segment(slot);
	flip(f, spool_bytes_get32(f->now + SEGMENT - SPOOL_FOOTER_SIZE + AT_OFFSET) + 100, 1);
}

static void flip_record(void)
{
	flip(segment(slot), model.messages[MESSAGES / 2].place.offset + 1000, 1);
}

static void flip_record_and_index(void)
{
	flip_record();
	flip_index();
}

static void cut_segment(void)
{
	sim_truncate(segment(slot), CUT);
}

static void lose_segment(void)
{
	lose_file(segment(slot));
}

static void shred_segment(void)
{
	flip(segment(slot), 0, SEGMENT);
}

static void add_foreign_segment(void)
{
	uint8_t p[SPOOL_BLOCK] = {0};
	spool_segment_put_header(p, &(struct spool_segment_header){.identity = 1,
					.key = 2,
					.sequence = 3,
					.tail = 1,
					.first_batch = 1,
					.size = SEGMENT});
	sim_put(&sim, SPOOL_DIR_SEGMENTS, "00000077", p, sizeof(p));
}

static void add_copy(void)
{
	sim_put(&sim, SPOOL_DIR_SEGMENTS, "00000077", segment(slot)->now, SEGMENT);
}

static void add_stray_file(void)
{
	sim_put(&sim, SPOOL_DIR_SEGMENTS, "core", "x", 1);
}

static void add_stray_large(void)
{
	sim_put(&sim, SPOOL_DIR_LARGE, "notes", "x", 1);
}

static void lose_identity(void)
{
	lose_file(sim_find(&sim, SPOOL_DIR_TOP, "identity"));
}

static void flip_identity(void)
{
	flip(sim_find(&sim, SPOOL_DIR_TOP, "identity"), 20, 1);
}

static void lose_large(void)
{
	char name[QUEUE_ID_SIZE];
	queue_id_format(model.messages[0].id, name);
	lose_file(sim_find(&sim, SPOOL_DIR_LARGE, name));
}

static void flip_last_segment(void)
{
	flip(segment(model.messages[MESSAGES - 2].place.segment),
	    model.messages[MESSAGES - 2].place.offset + 1000, 1);
}

enum loss { NOTHING, THE_RECORD, THE_LAST_BUT_ONE, THE_SEGMENT, BEHIND_THE_CUT, THE_CONTENT };

static const struct {
	const char *what;
	void (*harm)(void);
	const char *said; /* NULL: opening need not notice */
	enum loss loss;
	bool crashed; /* else the spool was closed */
	bool again;   /* stays as it is, and is said at each opening */
} rows[] = {
    {.what = "header zeros", .harm = lose_header, .said = "header does not check", .loss = NOTHING},
    {.what = "header flipped",
	.harm = flip_header,
	.said = "header does not check",
	.loss = NOTHING},
    {.what = "header and footer flipped",
	.harm = flip_header_and_footer,
	.said = "header does not check",
	.loss = NOTHING},
    {.what = "footer flipped",
	.harm = flip_footer,
	.said = "footer of its index does not check",
	.loss = NOTHING},
    {.what = "index flipped", .harm = flip_index, .loss = NOTHING},
    {.what = "record flipped", .harm = flip_record, .loss = THE_RECORD},
    {.what = "record and index flipped",
	.harm = flip_record_and_index,
	.said = "do not check; set aside as damaged/",
	.loss = THE_RECORD},
    {.what = "segment cut",
	.harm = cut_segment,
	.said = "cut off at 32768 octets",
	.loss = BEHIND_THE_CUT,
	.again = true},
    {.what = "segment lost",
	.harm = lose_segment,
	.said = "are missing before segments/",
	.loss = THE_SEGMENT,
	.again = true},
    {.what = "segment shredded",
	.harm = shred_segment,
	.said = "nothing in this segment checks; moved to damaged/",
	.loss = THE_SEGMENT,
	.again = true},
    {.what = "foreign segment",
	.harm = add_foreign_segment,
	.said = "a segment of another spool; moved to damaged/",
	.loss = NOTHING},
    {.what = "copied segment",
	.harm = add_copy,
	.said = "a copy of another segment; moved to damaged/",
	.loss = NOTHING},
    {.what = "stray file",
	.harm = add_stray_file,
	.said = "segments/core: not a segment; moved to damaged/",
	.loss = NOTHING},
    {.what = "stray large file",
	.harm = add_stray_large,
	.said = "large/notes: not a message's content; moved",
	.loss = NOTHING},
    {.what = "identity lost",
	.harm = lose_identity,
	.said = "identity: missing; taken from the segments",
	.loss = NOTHING},
    {.what = "identity flipped",
	.harm = flip_identity,
	.said = "identity: does not check; taken from the segments",
	.loss = NOTHING},
    {.what = "content lost",
	.harm = lose_large,
	.said = "is missing: the content of that message is lost",
	.loss = THE_CONTENT,
	.again = true},
    {.what = "last segment flipped",
	.harm = flip_last_segment,
	.said = "do not check; set aside as damaged/",
	.loss = THE_LAST_BUT_ONE,
	.crashed = true},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool is_hit(enum loss loss, size_t i)
{
	const struct spool_place *p = &model.messages[i].place;
	switch (loss) {
	case THE_RECORD:
		return i == MESSAGES / 2;
	case THE_LAST_BUT_ONE:
		return i == MESSAGES - 2;
	case THE_SEGMENT:
		return p->segment == slot;
	case BEHIND_THE_CUT:
		return p->segment == slot && p->offset + p->length > CUT;
	default:
		return false;
	}
}

static void check_losses(size_t row)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		struct model_message *m = &model.messages[i];
		if (rows[row].loss == THE_CONTENT && i == 0) {
			ck_assert_int_lt(spool_large_open(model.spool, m->id), 0);
			continue;
		}
		if (model_is_live(m))
			model_check_content(&model, m);
		ck_assert_msg((m->state == MODEL_LOST) == is_hit(rows[row].loss, i),
		    "%s: message %zu: state %d", rows[row].what, i, (int)m->state);
	}
}

static void check_row(size_t row)
{
	prepare(!rows[row].crashed);
	rows[row].harm();
	model.may_lose = true;
	model_open(&model);
	if (rows[row].said != NULL)
		ck_assert_msg(strstr(model.said, rows[row].said) != NULL, "%s: it said: %s",
		    rows[row].what, model.said);
	else
		ck_assert_msg(model.damages == 0, "%s: it said: %s", rows[row].what, model.said);
	check_losses(row);
	model_crash(&model, false);
	model.damages = 0;
	model.said[0] = '\0';
	model_open(&model);
	ck_assert_msg((model.damages > 0) == rows[row].again, "%s: then it said: %s",
	    rows[row].what, model.said);
	model_reset(&model);
	sim_reset(&sim);
}

START_TEST(says_and_costs_what_was_hit)
{
	for (size_t i = 0; i < ROWS; i++)
		check_row(i);
}
END_TEST

/* Verification changes nothing, and sees more: it reads every record. */
START_TEST(verification_finds_it)
{
	for (size_t i = 0; i < ROWS; i++) {
		char *text = NULL;
		size_t n = 0;
		prepare(!rows[i].crashed);
		FILE *out = open_memstream(&text, &n);
		struct spool_io *io = sim_io(&sim);
		ck_assert_int_eq(spool_verify_on(io, out), 0);
		rows[i].harm();
		uint64_t before = sim.operations;
		ck_assert_msg(spool_verify_on(io, out) == 1, "%s: not found", rows[i].what);
		ck_assert_uint_eq(sim.operations, before);
		io->free(io);
		fclose(out);
		ck_assert_uint_gt(n, 0);
		free(text);
		model_reset(&model);
		sim_reset(&sim);
	}
}
END_TEST

/* A file system that takes nothing: all that is there can be read, new mail cannot be taken. */
START_TEST(read_only)
{
	prepare(false);
	sim.fail_in = 1;
	sim.fail_count = UINT64_MAX;
	sim.fail_errno = EROFS;
	model_open(&model);
	model_check_all(&model);
	model_submit(&model, 100, 1, false);
	model_turn(&model, true);
	ck_assert_int_eq(model.space_error, EROFS);
	ck_assert_int_eq(model.messages[MESSAGES].state, MODEL_UNSURE);
	ck_assert_int_lt(spool_large_create(model.spool, 1), 0);
	ck_assert_int_eq(errno, EROFS);
	model_close(&model);
	model_open(&model);
	model_check_all(&model);
	ck_assert_uint_eq(model.damages, 0);
	model_reset(&model);
	sim_reset(&sim);
}
END_TEST

UNIT_MAIN("spool damage", says_and_costs_what_was_hit, verification_finds_it, read_only)
