/* SPDX-License-Identifier: ISC
 *
 * A segment file: a header block, batches, and once it is sealed an index at its end.
 *
 * Header, in the first 64 octets of the first block:
 *    0 magic "PSTNSEG1"   16 key u64        40 first batch u64   56 reserved
 *    8 format u32         24 sequence u64   48 size u32          60 crc u32
 *   12 identity u32       32 tail u64       52 reserved
 * A segment of sequence 0 was prepared and never used.
 *
 * Index: an entry a record, in order: offset of the record u32, 0 u32, its header with
 * another magic, its head; padded to 8. Footer, the last 64 octets:
 *    0 magic u32   8 sequence u64   20 length u32   28 footer's crc u32   40 tail u64
 *    4 count u32  16 offset u32     24 crc u32      32 last batch u64     48 last id u64
 *                                                                        56 first batch u64
 */
#ifndef POSTERN_SPOOL_SEGMENT_H
#define POSTERN_SPOOL_SEGMENT_H

#include "queue/spool-record.h"

#include "common/buf.h"

enum {
	SPOOL_FORMAT = 1,
	SPOOL_HEADER_SIZE = 64,
	SPOOL_FOOTER_SIZE = 64,
	SPOOL_INDEX_ENTRY = 8, /* octets of an entry before the record's header */
};

struct spool_segment_header {
	uint32_t identity;
	uint64_t key;
	uint64_t sequence;
	uint64_t tail;	      /* oldest sequence in use when this segment was begun */
	uint64_t first_batch; /* voids every batch of this number or greater in older segments */
	uint32_t size;
};
void spool_segment_put_header(uint8_t p[SPOOL_HEADER_SIZE], const struct spool_segment_header *h);
bool spool_segment_get_header(const uint8_t p[SPOOL_HEADER_SIZE], struct spool_segment_header *out);

struct spool_footer {
	uint32_t count;
	uint64_t sequence;
	uint32_t offset; /* of the index in the segment */
	uint32_t length;
	uint32_t crc; /* of the index */
	uint64_t last_batch;
	uint64_t tail;
	uint64_t last_id;
	uint64_t first_batch;
};
void spool_segment_put_footer(uint32_t seed, uint8_t p[SPOOL_FOOTER_SIZE], const struct spool_footer *f);
/* `size` of the segment. False: none, or it does not check; `damaged` tells which. */
bool spool_segment_get_footer(uint32_t seed, const uint8_t p[SPOOL_FOOTER_SIZE], uint64_t sequence,
    uint32_t size, struct spool_footer *out, bool *damaged);

/* What a record's entry takes. */
static inline size_t spool_index_room(uint32_t head)
{
	return SPOOL_INDEX_ENTRY + spool_record_room(SPOOL_RECORD_SIZE + head);
}
/* What an index takes at the end of its segment, whole blocks. */
size_t spool_index_blocks(size_t length);
bool spool_index_add(struct buf *index, const uint8_t *record, uint32_t offset);

struct spool_index_item {
	struct spool_record record;
	uint32_t offset;
	const uint8_t *head;
};
/* The entry at *at, which moves on; false at the end or at what is no entry. */
bool spool_index_next(const uint8_t *index, size_t n, size_t *at, struct spool_index_item *out);

#endif
