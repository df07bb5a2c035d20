/* SPDX-License-Identifier: ISC
 *
 * What waits to be written: records one after the other, and an entry for each message
 * among them, in the same order. The event loop fills one while the sync thread
 * writes another. Memory is kept for the next use.
 */
#ifndef POSTERN_SPOOL_BATCH_H
#define POSTERN_SPOOL_BATCH_H

#include "queue/spool-payload.h"

enum {
	SPOOL_BATCH_MESSAGES_MAX = 64 * 1024 * 1024, /* octets; new mail beyond is refused */
	SPOOL_BATCH_KEPT_MAX = 64 * 1024 * 1024,     /* octets of results kept while nothing can be written */
};

struct spool_entry {
	uint64_t id;
	void *tag;
	size_t at;		     /* of its record */
	struct spool_place place;    /* once written */
	struct spool_place previous; /* moved: where it was */
	bool moved;
	int error; /* an errno: it was refused */
};

struct spool_batch {
	struct spool_batch *next;
	struct buf records;
	struct spool_entry *entries;
	size_t count;
	size_t capacity;
	uint64_t tail;	  /* may be committed with or after these records */
	uint64_t last_id; /* greatest id given out */
	uint64_t large_octets; /* of all large files */
	bool urgent;	  /* somebody waits for it */
};

struct spool_batch *spool_batch_new(void);
void spool_batch_free(struct spool_batch *b);
/* Empties it; a large memory is given back. */
void spool_batch_reset(struct spool_batch *b);

/* 0 or an errno: EMSGSIZE past `record_max` (record and index entry), ENOBUFS when too much
 * waits, EINVAL for an envelope that does not fit its own limits. */
int spool_batch_add_message(struct spool_batch *b, uint64_t id, const struct spool_message *m, void *tag,
    size_t record_max);
/* A survivor of cleaning with what is known of its recipients; texts are left out when all
 * together, with index entries, would pass group_max. */
bool spool_batch_add_moved(struct spool_batch *b, const uint8_t *record, uint64_t id,
    const struct spool_place *previous, uint64_t sequence, const struct spool_result *results,
    size_t count, size_t group_max);
/* False when too much is kept already: the result is lost. */
bool spool_batch_add_result(struct spool_batch *b, uint64_t id, const struct spool_result *result);
/* `sequence` of the segment it lies in; 0: not to be said. */
void spool_batch_add_finish(struct spool_batch *b, uint64_t id, const struct spool_place *place,
    uint64_t sequence);

/* Records that must go into one batch: the first of [p, p + n) and what moves along with it.
 * Gives their octets and what their index entries take. */
size_t spool_batch_group(const uint8_t *p, size_t n, size_t *index);

#endif
