/* SPDX-License-Identifier: ISC
 *
 * The open segment: where batches are appended. One batch is one pwritev and one
 * fdatasync; the segment's header is written and synced before its first batch.
 *
 * After any failure nothing of that batch is believed and the segment is never written
 * again. The next batch, in a fresh segment, takes the number of the failed one: the
 * header's first_batch voids whatever of it reached the disk.
 */
#ifndef POSTERN_SPOOL_APPEND_H
#define POSTERN_SPOOL_APPEND_H

#include "queue/spool-stock.h"

struct spool_append_figures {
	uint64_t syncs;
	uint64_t written;
};

struct spool_append {
	struct spool_stock stock;
	uint32_t seed;
	/* The open segment. */
	int fd; /* -1: none */
	bool fresh; /* it has no batch yet, nor a header */
	uint32_t slot;
	uint32_t at; /* where the next batch goes */
	uint64_t sequence;
	uint64_t first_batch;
	struct buf index;
	uint32_t index_count;
	/* The log as a whole. */
	uint64_t next_batch;
	uint64_t next_sequence;
	uint64_t tail;	      /* committed */
	uint64_t wanted_tail; /* goes into the next batch's header */
	uint64_t last_id;
	struct spool_append_figures figures;
};

/* Octets that no record's or moved message's index entry and record together may pass, so that
 * it fits a segment with whatever goes along. */
static inline size_t spool_append_capacity(uint32_t segment_size)
{
	return segment_size - 8 * SPOOL_BLOCK;
}

void spool_append_init(struct spool_append *a, uint32_t seed);
void spool_append_reset(struct spool_append *a);

/* How many octets of the records [p, p + n) fit into the open segment: whole groups. */
size_t spool_append_fitting(const struct spool_append *a, const uint8_t *p, size_t n);
/* A batch without records fits, and after it the one that closes the spool. */
bool spool_append_fits_empty(const struct spool_append *a);
/* Goes on in a fresh segment and seals the open one. 0 or an errno. `mail`: see spool-stock.h. */
int spool_append_roll(struct spool_append *a, bool mail);
/* Writes records that fit, n may be 0; they are stamped in place. `offset` is where the first
 * of them lies then. 0 or an errno: then there is no open segment any more. */
int spool_append_write(struct spool_append *a, uint8_t *p, size_t n, uint32_t *offset);
/* Seals the open segment, with a sync, and closes it. 0 or an errno. */
int spool_append_close(struct spool_append *a);

#endif
