/* SPDX-License-Identifier: ISC
 *
 * The bytes of every message between programs and of every spool record:
 * unsigned integers in big-endian order, strings as a 32-bit length and their
 * bytes, lists as a 16-bit count and their elements. A reader never goes past
 * its end; the first fault makes it fail for good, and decoders that find bytes
 * left over fail too (wire_reader_done).
 */
#ifndef POSTERN_WIRE_H
#define POSTERN_WIRE_H

#include "common/buf.h"
#include "common/pool.h"

struct wire_reader {
	const uint8_t *p;
	size_t n;
	struct pool *pool; /* lists are allocated here; strings point into the input */
	bool failed;
};

struct wire_writer {
	struct buf *buf;
	bool failed; /* the buffer's ceiling, or a string over its maximum */
};

uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
/* Longer than max is a fault. The string points into the reader's input. */
struct str wire_get_str(struct wire_reader *r, size_t max);
/* Reads a count of at most max and allocates that many zeroed elements of n bytes. */
void *wire_get_list(struct wire_reader *r, size_t max, size_t n, size_t *count);
/* Nothing failed and no byte is left. */
bool wire_reader_done(const struct wire_reader *r);

void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_str(struct wire_writer *w, struct str s, size_t max);
void wire_put_count(struct wire_writer *w, size_t count, size_t max);

#endif
