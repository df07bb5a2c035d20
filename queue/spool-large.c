/* SPDX-License-Identifier: ISC */
#include "queue/spool-large.h"

#include "common/mem.h"
#include "common/queue-id.h"

#include <errno.h>
#include <stdlib.h>

static int open_file(struct spool_io *io, uint64_t id, int flags)
{
	char name[QUEUE_ID_SIZE];
	queue_id_format(id, name);
	return io->open(io, SPOOL_DIR_LARGE, name, flags);
}

int spool_large_make(struct spool_io *io, uint64_t id)
{
	return open_file(io, id, O_WRONLY | O_CREAT | O_EXCL);
}

int spool_large_open_file(struct spool_io *io, uint64_t id)
{
	return open_file(io, id, O_RDONLY);
}

void spool_large_remove(struct spool_io *io, uint64_t id)
{
	char name[QUEUE_ID_SIZE];
	queue_id_format(id, name);
	io->unlink(io, SPOOL_DIR_LARGE, name);
}

static int sync_one(struct spool_io *io, uint64_t id, uint64_t content_length)
{
	uint64_t size;
	int error = 0, fd = spool_large_open_file(io, id);
	if (fd < 0)
		return errno;
	if (io->size(io, fd, &size) < 0 || io->sync_file(io, fd) < 0)
		error = errno;
	else if (size != content_length)
		error = EIO;
	io->close(io, fd);
	return error;
}

/* The entry's message, when it is a new one with a file. */
static bool has_file(struct spool_batch *b, const struct spool_entry *e, struct spool_place *place)
{
	struct spool_record r;
	const uint8_t *p = buf_data(&b->records) + e->at;
	return !e->moved && spool_record_get(p, buf_len(&b->records) - e->at, &r) &&
	       (r.flags & SPOOL_RECORD_LARGE) != 0 &&
	       spool_payload_get_place(&r, p + SPOOL_RECORD_SIZE, 0, 0, place);
}

void spool_large_sync(struct spool_io *io, struct spool_batch *b)
{
	struct spool_place place;
	size_t files = 0;
	for (size_t i = 0; i < b->count; i++) {
		struct spool_entry *e = &b->entries[i];
		if (has_file(b, e, &place)) {
			e->error = sync_one(io, e->id, place.content_length);
			files++;
		}
	}
	if (files == 0 || io->sync_dir(io, SPOOL_DIR_LARGE) == 0)
		return;
	int error = errno;
	for (size_t i = 0; i < b->count; i++)
		if (has_file(b, &b->entries[i], &place) && b->entries[i].error == 0)
			b->entries[i].error = error;
}

void spool_large_ids_add(struct spool_large_ids *l, uint64_t id)
{
	if (l->count == l->capacity) {
		l->capacity = l->capacity == 0 ? 64 : l->capacity * 2;
		l->ids = xreallocarray(l->ids, l->capacity, sizeof(*l->ids));
	}
	l->ids[l->count++] = id;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

void spool_large_ids_sort(struct spool_large_ids *l)
{
	size_t n = 0;
	if (l->count == 0)
		return;
	qsort(l->ids, l->count, sizeof(*l->ids), compare);
	for (size_t i = 1; i < l->count; i++)
		if (l->ids[i] != l->ids[n])
			l->ids[++n] = l->ids[i];
	l->count = n + 1;
}

bool spool_large_ids_has(const struct spool_large_ids *sorted, uint64_t id)
{
	return sorted->count > 0 &&
	       bsearch(&id, sorted->ids, sorted->count, sizeof(id), compare) != NULL;
}

void spool_large_ids_reset(struct spool_large_ids *l)
{
	free(l->ids);
	*l = (struct spool_large_ids){0};
}
