/* SPDX-License-Identifier: ISC */
#include "queue/spool-segment.h"
#include "queue/spool-bytes.h"
#include "queue/spool-crc.h"

#define FOOTER_MAGIC 0x50535846u /* PSXF */

static const char magic[8] = "PSTNSEG1";

void spool_segment_put_header(uint8_t p[SPOOL_HEADER_SIZE], const struct spool_segment_header *h)
{
	memset(p, 0, SPOOL_HEADER_SIZE);
	memcpy(p, magic, sizeof(magic));
	spool_bytes_put32(p + 8, SPOOL_FORMAT);
	spool_bytes_put32(p + 12, h->identity);
	spool_bytes_put64(p + 16, h->key);
	spool_bytes_put64(p + 24, h->sequence);
	spool_bytes_put64(p + 32, h->tail);
	spool_bytes_put64(p + 40, h->first_batch);
	spool_bytes_put32(p + 48, h->size);
	spool_bytes_put32(p + 60, spool_crc(0, p, 60));
}

bool spool_segment_get_header(const uint8_t p[SPOOL_HEADER_SIZE], struct spool_segment_header *out)
{
	*out = (struct spool_segment_header){
	    .identity = spool_bytes_get32(p + 12),
	    .key = spool_bytes_get64(p + 16),
	    .sequence = spool_bytes_get64(p + 24),
	    .tail = spool_bytes_get64(p + 32),
	    .first_batch = spool_bytes_get64(p + 40),
	    .size = spool_bytes_get32(p + 48),
	};
	return memcmp(p, magic, sizeof(magic)) == 0 && spool_bytes_get32(p + 8) == SPOOL_FORMAT &&
	       spool_bytes_get32(p + 60) == spool_crc(0, p, 60);
}

/* The footer's own CRC is computed with its field left out. */
static uint32_t footer_crc(uint32_t seed, const uint8_t *p)
{
	return spool_crc(spool_crc(seed, p, 28), p + 32, SPOOL_FOOTER_SIZE - 32);
}

void spool_segment_put_footer(uint32_t seed, uint8_t p[SPOOL_FOOTER_SIZE], const struct spool_footer *f)
{
	spool_bytes_put32(p, FOOTER_MAGIC);
	spool_bytes_put32(p + 4, f->count);
	spool_bytes_put64(p + 8, f->sequence);
	spool_bytes_put32(p + 16, f->offset);
	spool_bytes_put32(p + 20, f->length);
	spool_bytes_put32(p + 24, f->crc);
	spool_bytes_put64(p + 32, f->last_batch);
	spool_bytes_put64(p + 40, f->tail);
	spool_bytes_put64(p + 48, f->last_id);
	spool_bytes_put64(p + 56, f->first_batch);
	spool_bytes_put32(p + 28, footer_crc(seed, p));
}

bool spool_segment_get_footer(uint32_t seed, const uint8_t p[SPOOL_FOOTER_SIZE], uint64_t sequence,
    uint32_t size, struct spool_footer *out, bool *damaged)
{
	*out = (struct spool_footer){
	    .count = spool_bytes_get32(p + 4),
	    .sequence = spool_bytes_get64(p + 8),
	    .offset = spool_bytes_get32(p + 16),
	    .length = spool_bytes_get32(p + 20),
	    .crc = spool_bytes_get32(p + 24),
	    .last_batch = spool_bytes_get64(p + 32),
	    .tail = spool_bytes_get64(p + 40),
	    .last_id = spool_bytes_get64(p + 48),
	    .first_batch = spool_bytes_get64(p + 56),
	};
	bool ours = spool_bytes_get32(p) == FOOTER_MAGIC && out->sequence == sequence;
	bool sound = spool_bytes_get32(p + 28) == footer_crc(seed, p) && out->offset >= SPOOL_BLOCK &&
		     out->offset <= size - SPOOL_FOOTER_SIZE &&
		     out->length <= size - SPOOL_FOOTER_SIZE - out->offset;
	*damaged = ours && !sound;
	return ours && sound;
}

size_t spool_index_blocks(size_t length)
{
	return spool_bytes_round(length + SPOOL_FOOTER_SIZE, SPOOL_BLOCK);
}

bool spool_index_add(struct buf *index, const uint8_t *record, uint32_t offset)
{
	uint32_t head = spool_bytes_get32(record + 32);
	size_t room = spool_index_room(head);
	uint8_t *p = buf_reserve(index, room);
	if (p == NULL)
		return false;
	spool_bytes_put32(p, offset);
	spool_bytes_put32(p + 4, 0);
	memcpy(p + SPOOL_INDEX_ENTRY, record, SPOOL_RECORD_SIZE + head);
	spool_record_disguise(p + SPOOL_INDEX_ENTRY);
	size_t used = SPOOL_INDEX_ENTRY + SPOOL_RECORD_SIZE + head;
	memset(p + used, 0, room - used);
	buf_commit(index, room);
	return true;
}

bool spool_index_next(const uint8_t *index, size_t n, size_t *at, struct spool_index_item *out)
{
	if (*at > n || n - *at < SPOOL_INDEX_ENTRY + SPOOL_RECORD_SIZE)
		return false;
	const uint8_t *p = index + *at;
	out->offset = spool_bytes_get32(p);
	p += SPOOL_INDEX_ENTRY;
	if (!spool_record_get_disguised(p, n - *at - SPOOL_INDEX_ENTRY, &out->record))
		return false;
	out->head = p + SPOOL_RECORD_SIZE;
	*at += spool_index_room(out->record.head);
	return true;
}
