/* SPDX-License-Identifier: ISC
 *
 * The files of large contents: large/ID, ID as text. Made under their final name,
 * synced before their record is written, removed after their finish is on disk.
 */
#ifndef POSTERN_SPOOL_LARGE_H
#define POSTERN_SPOOL_LARGE_H

#include "queue/spool-batch.h"
#include "queue/spool-io.h"

/* Descriptors, or -1 with errno. */
int spool_large_make(struct spool_io *io, uint64_t id);
int spool_large_open_file(struct spool_io *io, uint64_t id);
void spool_large_remove(struct spool_io *io, uint64_t id);
/* Syncs the file of every new large message of the batch, and the directory; refuses those
 * where that fails or whose size is not what was said. */
void spool_large_sync(struct spool_io *io, struct spool_batch *b);

/* At recovery: which files there are and which the log speaks of. */
struct spool_large_ids {
	uint64_t *ids;
	size_t count, capacity;
};
void spool_large_ids_add(struct spool_large_ids *l, uint64_t id);
/* Sorts and removes repetitions. */
void spool_large_ids_sort(struct spool_large_ids *l);
bool spool_large_ids_has(const struct spool_large_ids *sorted, uint64_t id);
void spool_large_ids_reset(struct spool_large_ids *l);

#endif
