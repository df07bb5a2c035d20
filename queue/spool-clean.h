/* SPDX-License-Identifier: ISC
 *
 * Cleaning: the oldest segment's survivors are appended anew, then it is free. First in,
 * first out, so a finish never goes before the message that it ends.
 *
 * It begins when at most a quarter of the oldest segment is live, or when the segments in
 * use take more than twice what is live and four segments; earlier when the disk is full.
 * A step is a batch of at most 256 KiB and twice what came in since the last: new mail never
 * waits for more, and cleaning is never outrun.
 */
#ifndef POSTERN_SPOOL_CLEAN_H
#define POSTERN_SPOOL_CLEAN_H

#include "queue/spool-batch.h"

struct spool;

enum { SPOOL_CLEAN_STEP = 256 * 1024, SPOOL_CLEAN_RETRY_MS = 60 * 1000 };

struct spool_clean_moving {
	uint64_t id;
	bool finished; /* while its copy was under way */
};

struct spool_clean {
	bool active;
	bool walked; /* every record was looked at */
	bool failed; /* a copy was refused: begin again later */
	uint32_t slot;
	uint64_t sequence;
	uint8_t *index;
	size_t index_length, at;
	/* Copies under way, in order. */
	struct spool_clean_moving *moving;
	size_t moving_first, moving_count, moving_capacity;
	uint64_t taken_before; /* spool->taken at the last step */
	uint64_t retry_at;
	struct buf record;
	struct pool *pool;
};

/* Does what there is to do now. */
void spool_clean_turn(struct spool *spool);
/* A copy is committed at e->place, or was refused. */
void spool_clean_on_moved(struct spool *spool, const struct spool_entry *e);
/* Whether a copy of this message is under way. Then its owner is not told where it is, and the
 * finish goes behind the copy without naming a place: a recovery counts the copy as live until
 * its segment is cleaned, which errs on the safe side. */
bool spool_clean_on_finish(struct spool *spool, uint64_t id, const struct spool_place *place);
void spool_clean_reset(struct spool_clean *c);

#endif
