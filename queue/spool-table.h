/* SPDX-License-Identifier: ISC
 *
 * The segments in use, as the event loop knows them: in the order of the log, and how
 * much in each is of unfinished messages. This is all the memory that the spool takes
 * for its mail.
 */
#ifndef POSTERN_SPOOL_TABLE_H
#define POSTERN_SPOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool_segment {
	uint64_t sequence; /* 0: not in use */
	uint64_t live;	   /* octets of records of unfinished messages */
	uint32_t messages; /* their number */
	uint32_t size;
	bool inexact; /* damage was found: ask about every record before it is freed */
};

struct spool_table {
	struct spool_segment *slots; /* by slot number */
	size_t slot_count;
	uint32_t *order; /* slots by sequence, oldest first */
	size_t first, count, capacity;
	uint64_t octets; /* of all segments in use */
	uint64_t live;
};

void spool_table_reset(struct spool_table *t);
/* The newest of all; its slot is not in use. */
void spool_table_add(struct spool_table *t, uint32_t slot, uint64_t sequence, uint32_t size);
/* NULL: not in use. */
struct spool_segment *spool_table_find(const struct spool_table *t, uint32_t slot);
struct spool_segment *spool_table_find_sequence(const struct spool_table *t, uint64_t sequence);
/* The i-th oldest, i < count. */
uint32_t spool_table_slot(const struct spool_table *t, size_t i);
void spool_table_remove_oldest(struct spool_table *t);

/* A message's record of `room` octets is live, or no more; NULL does nothing. False, and the
 * segment is marked inexact, when less is live than that. */
void spool_table_count_in(struct spool_table *t, struct spool_segment *s, uint32_t room);
bool spool_table_count_out(struct spool_table *t, struct spool_segment *s, uint32_t room);

#endif
