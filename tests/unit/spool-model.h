/* SPDX-License-Identifier: ISC
 *
 * An owner of a spool that remembers what it was promised, and checks after every
 * opening that the spool kept it (P1, P2 and P4 of the design).
 *
 * What it may not hold against the spool: a message whose commit was never answered may be
 * there or not, and so may the newest results and finishes that no commit covered. A message
 * that was refused because nothing at all could be written, neither it nor what voids it, may
 * appear if the spool dies before it could write again. What an opening read from a batch that
 * it could not write again, because the disk took nothing, a power cut may undo until it
 * could: no commit was ever answered from it.
 */
#ifndef POSTERN_TESTS_SPOOL_MODEL_H
#define POSTERN_TESTS_SPOOL_MODEL_H

#include "spool-sim.h"

#include "queue/spool-internal.h"

enum { MODEL_RECIPIENTS = 3, MODEL_HISTORY = 12 };

enum model_state {
	MODEL_SUBMITTED,
	MODEL_COMMITTED,
	MODEL_REFUSED,
	MODEL_UNSURE, /* refused while nothing could be written */
	MODEL_FINISHING, /* finish given, not known to be durable */
	MODEL_GONE,
	MODEL_LOST, /* damaged; reported */
};

struct model_result {
	uint64_t stamp; /* when it was given */
	struct spool_result result;
};

struct model_message {
	uint64_t id;
	uint64_t stamp; /* when it, or its finish, was given */
	enum model_state state;
	struct spool_place place;
	uint16_t recipients;
	uint32_t size;
	bool large;
	struct model_result history[MODEL_HISTORY];
	size_t history_count;
	/* As the last opening told it. */
	bool seen, finished;
	bool doubtful; /* committed as it was told, though it may not be on disk */
	struct spool_result told[MODEL_RECIPIENTS]; /* outcome 0: pending */
};

struct model {
	struct sim *sim;
	struct spool *spool; /* NULL: closed */
	struct spool_options options;
	struct model_message *messages; /* by id */
	size_t count, capacity;
	uint64_t stamp;	  /* of what is given next */
	uint64_t durable; /* what was given up to here survives anything */
	int space_error;
	unsigned answered, damages, committed, refused, moved;
	bool opening;
	bool owing; /* the log's end could not be made safe so far */
	bool may_lose; /* damage was done: what is missing must be reported */
	uint64_t live_octets;
	char said[4096]; /* of damage, a line each */
};

void model_init(struct model *m, struct sim *sim, uint32_t segment_size);
void model_reset(struct model *m);
/* Fails the test when the spool does not open or does not keep a promise. */
void model_open(struct model *m);
/* Opens without listening, and lets go of it: what it did to the disk stays. */
void model_open_dying(struct model *m);
void model_close(struct model *m);
/* The process dies, or the power goes. */
void model_crash(struct model *m, bool power_cut);
struct model_message *model_submit(struct model *m, uint32_t size, uint16_t recipients, bool large);
void model_give_result(struct model *m, struct model_message *msg);
void model_finish(struct model *m, struct model_message *msg);
/* A round of the loop and the thread's work; `second`: and a second passes. */
void model_turn(struct model *m, bool second);
/* A live message by a random number; NULL: none. */
struct model_message *model_pick(struct model *m, uint64_t random);
/* Reads back and compares. */
void model_check_content(struct model *m, struct model_message *msg);
void model_check_all(struct model *m);
/* With SPOOL_TRACE set, what is done. */
void model_note(const char *what, uint64_t n);
bool model_is_live(const struct model_message *msg);

#endif
