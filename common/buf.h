/* SPDX-License-Identifier: ISC
 *
 * A growing byte buffer with a ceiling. Bytes are appended at the end and
 * consumed from the front. It owns its memory; an empty one owns none after
 * buf_release, so that idle sessions cost nothing.
 */
#ifndef POSTERN_BUF_H
#define POSTERN_BUF_H

#include "common/str.h"

struct buf {
	uint8_t *p;   /* start of the memory */
	size_t start; /* first byte not consumed */
	size_t end;   /* one past the last byte */
	size_t cap;
	size_t max; /* end - start never grows past it */
};

#define BUF_INIT(ceiling) ((struct buf){.max = (ceiling)})

void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buffer may be used again. */
void buf_release(struct buf *b);
/* Forgets the bytes, keeps the memory. */
void buf_reset(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}
static inline uint8_t *buf_data(const struct buf *b)
{
	return b->p == NULL ? NULL : b->p + b->start;
}
static inline struct str buf_str(const struct buf *b)
{
	return str_from(buf_data(b), buf_len(b));
}

/* Each of these appends all or, when the ceiling would be passed, nothing and returns false. */
bool buf_append(struct buf *b, const void *p, size_t n);
bool buf_append_str(struct buf *b, struct str s);
bool buf_append_u8(struct buf *b, uint8_t c);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at the returned place, NULL past the ceiling; buf_commit says how many came. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
/* Takes n bytes (at most all there are) from the front. */
void buf_consume(struct buf *b, size_t n);

#endif
