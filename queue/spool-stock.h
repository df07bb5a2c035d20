/* SPDX-License-Identifier: ISC
 *
 * The segment files: which slots are in use, which are free, and making new ones ahead
 * of need. Belongs to whoever writes (the sync thread).
 *
 * A new segment is written full of zeros once, so that later syncs have no extents to
 * convert; a free one is used again in place. At most 2 + 10% free ones are kept.
 *
 * New mail may take a segment only when another free one is there or could be made within
 * the operator's limits (space_min, spool_max). Results and the survivors of cleaning may
 * take the last, and go over spool_max by SPOOL_STOCK_RESERVE segments: without them the
 * spool would never become smaller.
 */
#ifndef POSTERN_SPOOL_STOCK_H
#define POSTERN_SPOOL_STOCK_H

#include "queue/spool-io.h"
#include "queue/spool-segment.h"
#include "queue/spool.h"

enum { SPOOL_STOCK_RESERVE = 2, SPOOL_SLOT_NAME = 9, SPOOL_SLOTS_MAX = 100000000 };

struct spool_stock_used {
	uint64_t sequence;
	uint32_t slot;
	uint32_t size; /* of the file */
};

struct spool_stock {
	struct spool_io *io;
	struct spool_options options;
	uint32_t identity;
	uint64_t key;
	uint64_t octets;       /* of all segment files */
	uint64_t large_octets; /* of all large files, as last heard */
	uint32_t *free;	       /* in the order of their use */
	size_t free_count, free_capacity;
	struct spool_stock_used *used; /* by sequence */
	size_t used_count, used_capacity;
	bool *taken; /* slot numbers in use or free */
	size_t taken_size;
	uint32_t shunned; /* slot where a write failed, UINT32_MAX: none */
	/* The one that is being made. */
	int making_fd; /* -1: none */
	uint32_t making_slot;
	uint32_t made;
};

void spool_stock_init(struct spool_stock *s, struct spool_io *io, const struct spool_options *options,
    uint32_t identity, uint64_t key);
void spool_stock_reset(struct spool_stock *s);

void spool_stock_name(uint32_t slot, char out[SPOOL_SLOT_NAME]);
bool spool_stock_parse_name(const char *name, uint32_t *slot);

/* What was found at opening. */
void spool_stock_add_free(struct spool_stock *s, uint32_t slot);
void spool_stock_add_used(struct spool_stock *s, uint32_t slot, uint64_t sequence, uint32_t size);

/* A free segment, opened for reading and writing. 0 or an errno. */
int spool_stock_take(struct spool_stock *s, bool mail, uint32_t *slot, int *fd);
/* A taken one has got its first batch ... */
void spool_stock_use(struct spool_stock *s, uint32_t slot, uint64_t sequence);
/* ... or could not be written: others are preferred to it. */
void spool_stock_give_back(struct spool_stock *s, uint32_t slot);
/* Segments of lower sequences are free from now on. */
void spool_stock_release(struct spool_stock *s, uint64_t tail);

/* New mail could take a segment now: 0, or an errno. */
int spool_stock_may_take(struct spool_stock *s);
/* There is none free in advance. */
bool spool_stock_wants_step(const struct spool_stock *s);
/* One step (at most 1 MiB) of making one in advance. 0 or an errno. */
int spool_stock_step(struct spool_stock *s);
/* Removes one that is half made. */
void spool_stock_abandon(struct spool_stock *s);

#endif
