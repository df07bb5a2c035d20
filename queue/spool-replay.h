/* SPDX-License-Identifier: ISC
 *
 * Reads a segment as recovery does: from its index, else record by record, and decides
 * what of it counts.
 *
 * - A batch whose number a later segment uses again was never believed: it is void.
 * - The last batch of the log, when it is not whole, was never acknowledged: it is
 *   dropped as a whole.
 * - Anything else that does not check is damage: what checks around it counts.
 */
#ifndef POSTERN_SPOOL_REPLAY_H
#define POSTERN_SPOOL_REPLAY_H

#include "queue/spool-survey.h"

struct spool_replay {
	const struct spool_survey *survey;
	struct spool_faults *faults;
	/* A record that counts, in the order of the log. */
	void (*on_record)(void *ctx, const struct spool_found *f, const struct spool_record *r,
	    const uint8_t *head, uint32_t offset);
	void *ctx;
	/* Check every record, not only the index. */
	bool thorough;
	/* Results. */
	uint64_t last_batch; /* that counts, so far */
	uint64_t last_id;    /* greatest id seen */
};

/* The survey's segment i, in order. When it was scanned and *index is not NULL, that becomes
 * an index of what counts, to be released by the caller, and *scanned is set. */
void spool_replay_segment(struct spool_replay *r, size_t i, struct buf *index, bool *scanned);

/* A segment's index on the heap, when it has one that checks. */
uint8_t *spool_replay_read_index(struct spool_io *io, uint32_t seed, uint32_t slot,
    const struct spool_footer *footer);

/* The number of the first batch of a segment in use; 0 when it cannot be known. */
uint64_t spool_replay_first_batch(struct spool_io *io, uint32_t slot);

#endif
