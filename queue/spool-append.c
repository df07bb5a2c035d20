/* SPDX-License-Identifier: ISC */
#include "queue/spool-append.h"
#include "queue/spool-batch.h"
#include "queue/spool-bytes.h"
#include "queue/spool-crc.h"

#include <errno.h>

/* Room that records leave: a batch that only advances the tail when no other segment is to be
 * had, and the one that says the spool was closed. */
enum { SPARE = 2 * SPOOL_BLOCK, INDEX_MAX = 1024 * 1024 * 1024 };

static const uint8_t zeros[SPOOL_BLOCK];

void spool_append_init(struct spool_append *a, uint32_t seed)
{
	a->seed = seed;
	a->fd = -1;
	buf_init(&a->index, INDEX_MAX);
}

static void forget(struct spool_append *a)
{
	if (a->fd >= 0)
		a->stock.io->close(a->stock.io, a->fd);
	a->fd = -1;
	a->fresh = false;
	buf_reset(&a->index);
	a->index_count = 0;
}

void spool_append_reset(struct spool_append *a)
{
	forget(a);
	buf_release(&a->index);
	spool_stock_reset(&a->stock);
}

static size_t batch_octets(size_t records)
{
	return spool_bytes_round(SPOOL_BATCH_SIZE + records, SPOOL_BLOCK);
}

size_t spool_append_fitting(const struct spool_append *a, const uint8_t *p, size_t n)
{
	size_t octets = 0, index = buf_len(&a->index);
	while (a->fd >= 0 && octets < n) {
		size_t entries, group = spool_batch_group(p + octets, n - octets, &entries);
		index += entries;
		if (a->at + batch_octets(octets + group) + SPARE + spool_index_blocks(index) >
		    a->stock.options.segment_size)
			break;
		octets += group;
	}
	return octets;
}

bool spool_append_fits_empty(const struct spool_append *a)
{
	return a->fd >= 0 && a->at + SPARE + spool_index_blocks(buf_len(&a->index)) <=
				 a->stock.options.segment_size;
}

/* Writes index and footer to the segment's end. Not synced unless asked: a start that does
 * not find them reads the segment instead. */
static int seal(struct spool_append *a, bool sync)
{
	uint32_t size = a->stock.options.segment_size;
	size_t length = buf_len(&a->index), blocks = spool_index_blocks(length);
	uint8_t footer[SPOOL_FOOTER_SIZE];
	const struct spool_footer f = {
	    .count = a->index_count,
	    .sequence = a->sequence,
	    .offset = size - (uint32_t)blocks,
	    .length = (uint32_t)length,
	    .crc = spool_crc(a->seed, buf_data(&a->index), length),
	    .last_batch = a->next_batch - 1,
	    .tail = a->tail,
	    .last_id = a->last_id,
	    .first_batch = a->first_batch,
	};
	spool_segment_put_footer(a->seed, footer, &f);
	struct iovec iov[] = {{buf_data(&a->index), length},
	    {(void *)(uintptr_t)zeros, blocks - length - sizeof(footer)}, {footer, sizeof(footer)}};
	struct spool_io *io = a->stock.io;
	int error = spool_io_writev(io, a->fd, iov, 3, f.offset);
	a->figures.written += blocks;
	if (error == 0 && sync)
		error = io->sync_data(io, a->fd) < 0 ? errno : 0;
	return error;
}

/* With no segment to be had, those that the tail has passed in memory only can be had once it
 * is on disk. */
static int take_segment(struct spool_append *a, bool mail, uint32_t *slot, int *fd)
{
	uint32_t offset;
	int error = spool_stock_take(&a->stock, mail, slot, fd);
	if (error == 0 || a->fresh || !spool_append_fits_empty(a) || a->wanted_tail <= a->tail ||
	    spool_append_write(a, NULL, 0, &offset) != 0)
		return error;
	return spool_stock_take(&a->stock, mail, slot, fd);
}

int spool_append_roll(struct spool_append *a, bool mail)
{
	uint32_t slot;
	int fd, error = take_segment(a, mail, &slot, &fd);
	if (error != 0)
		return error;
	if (a->fd >= 0)
		seal(a, false);
	forget(a);
	a->fd = fd;
	a->fresh = true;
	a->slot = slot;
	a->at = SPOOL_BLOCK;
	a->sequence = a->next_sequence++;
	a->first_batch = a->next_batch;
	return 0;
}

static uint32_t stamp(struct spool_append *a, uint8_t *p, size_t n)
{
	uint32_t count = 0, offset = a->at + SPOOL_BATCH_SIZE;
	struct spool_record r;
	for (size_t at = 0; at < n; at += spool_record_room(r.length), count++) {
		spool_record_stamp(a->seed, p + at, (uint32_t)a->sequence, a->next_batch);
		if (!spool_record_get(p + at, n - at, &r))
			break;
		spool_index_add(&a->index, p + at, offset + (uint32_t)at);
	}
	return count;
}

/* On disk before any record of the segment is, so that wherever records of a sequence may be
 * left, its header is, too, and no later life of the spool takes that sequence again. */
static int write_header(struct spool_append *a)
{
	struct spool_io *io = a->stock.io;
	uint8_t block[SPOOL_BLOCK] = {0};
	spool_segment_put_header(block,
	    &(struct spool_segment_header){.identity = a->stock.identity,
		.key = a->stock.key,
		.sequence = a->sequence,
		.tail = a->tail,
		.first_batch = a->first_batch,
		.size = a->stock.options.segment_size});
	a->figures.syncs++;
	int error = spool_io_write(io, a->fd, block, sizeof(block), 0);
	return error == 0 && io->sync_data(io, a->fd) < 0 ? errno : error;
}

static int write_batch(struct spool_append *a, uint8_t *p, size_t n, uint32_t octets, uint32_t count)
{
	struct spool_io *io = a->stock.io;
	uint8_t batch[SPOOL_BATCH_SIZE];
	spool_payload_put_batch(batch, a->last_id,
	    &(struct spool_batch_head){.octets = octets, .count = count, .tail = a->wanted_tail});
	spool_record_stamp(a->seed, batch, (uint32_t)a->sequence, a->next_batch);
	struct iovec iov[] = {{batch, sizeof(batch)}, {p, n},
	    {(void *)(uintptr_t)zeros, octets - sizeof(batch) - n}};
	a->figures.syncs++;
	int error = spool_io_writev(io, a->fd, iov, 3, a->at);
	return error == 0 && io->sync_data(io, a->fd) < 0 ? errno : error;
}

static int fail(struct spool_append *a, int error)
{
	if (a->fresh)
		spool_stock_give_back(&a->stock, a->slot);
	forget(a);
	return error;
}

static void committed(struct spool_append *a, uint32_t octets, uint32_t count)
{
	if (a->fresh)
		spool_stock_use(&a->stock, a->slot, a->sequence);
	a->fresh = false;
	a->at += octets;
	a->index_count += count;
	a->next_batch++;
	if (a->wanted_tail > a->tail) {
		a->tail = a->wanted_tail;
		spool_stock_release(&a->stock, a->tail);
	}
}

int spool_append_write(struct spool_append *a, uint8_t *p, size_t n, uint32_t *offset)
{
	uint32_t octets = (uint32_t)batch_octets(n), count = stamp(a, p, n);
	*offset = a->at + SPOOL_BATCH_SIZE;
	int error = a->fresh ? write_header(a) : 0;
	if (error == 0)
		error = write_batch(a, p, n, octets, count);
	if (error != 0)
		return fail(a, error);
	a->figures.written += octets;
	committed(a, octets, count);
	return 0;
}

int spool_append_close(struct spool_append *a)
{
	int error = a->fd < 0 || a->fresh ? 0 : seal(a, true);
	if (a->fd >= 0 && a->fresh)
		spool_stock_give_back(&a->stock, a->slot);
	forget(a);
	spool_stock_abandon(&a->stock);
	return error;
}
