/* SPDX-License-Identifier: ISC
 *
 * Records: what a segment consists of after its header. A record is a header of
 * SPOOL_RECORD_SIZE octets, its `head` (typed fields, see spool-payload.h), and for a
 * small message its content. It starts at a multiple of SPOOL_RECORD_ALIGN, and its
 * CRC covers everything but padding.
 *
 *   0 magic u32     8 length u32      16 batch u64   32 head length u32
 *   4 type u8      12 sequence u32    24 id u64      36 crc u32
 *   5 version u8
 *   6 flags u16
 *
 * Every CRC starts from the spool's seed, which is made from a secret of the spool:
 * the content of a message cannot hold what would pass for a record.
 */
#ifndef POSTERN_SPOOL_RECORD_H
#define POSTERN_SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SPOOL_RECORD_SIZE = 40,
	SPOOL_RECORD_ALIGN = 8,
	SPOOL_RECORD_VERSION = 2, /* that is written; 1 is read, too */
	SPOOL_BLOCK = 4096, /* batches start at and take multiples of it */
};

enum spool_record_type {
	SPOOL_RECORD_BATCH = 1,	  /* starts a batch; id: greatest id given out so far */
	SPOOL_RECORD_MESSAGE = 2, /* flags MOVED, LARGE */
	SPOOL_RECORD_RESULTS = 3, /* MOVED: goes with the moved message before it */
	SPOOL_RECORD_FINISH = 4,  /* LARGE: its file goes too */
	SPOOL_RECORD_CLOSED = 5,  /* the spool was closed cleanly */
};

enum spool_record_flags { SPOOL_RECORD_MOVED = 1, SPOOL_RECORD_LARGE = 2 };

struct spool_record {
	uint8_t type;
	uint8_t version; /* of what is in it */
	uint16_t flags;
	uint32_t length; /* with this header, without padding */
	uint32_t head;	 /* octets after this header that are not content */
	uint32_t sequence; /* low half of the segment's */
	uint64_t batch;
	uint64_t id;
};

/* What a record of this length takes in its segment. */
static inline uint32_t spool_record_room(uint32_t length)
{
	return (length + (SPOOL_RECORD_ALIGN - 1)) & ~(uint32_t)(SPOOL_RECORD_ALIGN - 1);
}

/* Writes the header; the CRC stays open. */
void spool_record_put(uint8_t *p, const struct spool_record *r);
/* Reads a header whose lengths are plausible within n octets; checks no CRC. */
bool spool_record_get(const uint8_t *p, size_t n, struct spool_record *out);
/* Reads a whole record that checks. */
bool spool_record_check(uint32_t seed, const uint8_t *p, size_t n, struct spool_record *out);
/* Says where a record is written, which only then is known, and computes its CRC. */
void spool_record_stamp(uint32_t seed, uint8_t *p, uint32_t sequence, uint64_t batch);
/* The four octets at p start a record of this segment, whether it checks or not. */
bool spool_record_is_start(const uint8_t *p, size_t n, uint32_t sequence);

/* In an index records have another magic, so that a scan never takes one for the record. */
void spool_record_disguise(uint8_t *p);
bool spool_record_get_disguised(const uint8_t *p, size_t n, struct spool_record *out);

#endif
