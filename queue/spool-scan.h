/* SPDX-License-Identifier: ISC
 *
 * Reads a segment's image record by record. Pure: bytes in, items out. An item is a
 * record that checks, or a gap: octets where a record had to be and none checks. After
 * a gap the scan goes on at the next record that does.
 *
 * Padding of a batch whose records all check is not looked at.
 */
#ifndef POSTERN_SPOOL_SCAN_H
#define POSTERN_SPOOL_SCAN_H

#include "queue/spool-payload.h"

enum spool_scan_mode {
	SPOOL_SCAN_BETWEEN, /* at a block where a batch should start */
	SPOOL_SCAN_COUNTED, /* in a batch that is whole so far */
	SPOOL_SCAN_LOOSE,   /* after a gap */
};

struct spool_scan {
	const uint8_t *p; /* the segment from its first octet */
	size_t n;	  /* no record reaches past it */
	uint32_t seed;
	uint32_t sequence; /* low half */
	/* Where the scan is. */
	enum spool_scan_mode mode;
	size_t at;
	size_t batch_end;
	uint32_t left; /* records of the batch, COUNTED */
	uint64_t batch;
};

struct spool_scan_item {
	bool gap;
	uint32_t offset;
	uint32_t length;
	struct spool_record record;	/* not of a gap */
	struct spool_batch_head batch;	/* of a BATCH record */
	uint64_t in_batch;		/* gap: the batch it lies in, 0 between batches */
	uint64_t after_batch;		/* gap: the last batch seen before it */
	uint64_t next_batch;		/* gap: batch of the record after it, 0: none follows */
};

void spool_scan_init(struct spool_scan *s, const uint8_t *p, size_t n, uint32_t seed,
    uint32_t sequence);
bool spool_scan_next(struct spool_scan *s, struct spool_scan_item *item);

/* What a first reading tells. */
struct spool_scan_summary {
	uint64_t first_batch; /* least and greatest number of any record; 0: no record */
	uint64_t last_batch;
	bool last_complete; /* all records of last_batch are there and check */
	bool closed;	    /* the last batch closed the spool */
	uint64_t tail;	    /* greatest tail of a complete batch */
	uint64_t last_id;
	size_t last_start; /* of the last batch whose header checks */
	size_t end;	   /* after the last record that checks */
};
void spool_scan_summarise(const struct spool_scan *start, struct spool_scan_summary *out);

/* The first record that checks with whatever sequence: for a segment whose header is lost. */
bool spool_scan_find_sequence(const uint8_t *p, size_t n, uint32_t seed, uint32_t *sequence);
/* The part of [from, to) that holds something of this segment, though it does not check:
 * what a write left that broke off. False: only zeros and what was there before. */
bool spool_scan_find_remains(const uint8_t *p, size_t n, uint32_t sequence, size_t from, size_t *start,
    size_t *end);

#endif
