/* SPDX-License-Identifier: ISC */
#include "common/buf.h"
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_SMALLEST 256

void buf_init(struct buf *b, size_t max)
{
	*b = BUF_INIT(max);
}

void buf_release(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT(b->max);
}

void buf_reset(struct buf *b)
{
	b->start = b->end = 0;
}

static void make_room(struct buf *b, size_t n)
{
	if (b->cap - b->end >= n)
		return;
	size_t len = buf_len(b);
	if (b->start > 0 && b->cap - len >= n && b->start >= len) {
		memmove(b->p, b->p + b->start, len);
		b->start = 0;
		b->end = len;
		return;
	}
	size_t cap = b->cap < BUF_SMALLEST ? BUF_SMALLEST : b->cap;
	while (cap - len < n)
		cap *= 2;
	uint8_t *p = xmalloc(cap);
	if (len > 0)
		memcpy(p, b->p + b->start, len);
	free(b->p);
	*b = (struct buf){.p = p, .end = len, .cap = cap, .max = b->max};
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (n > b->max - buf_len(b))
		return NULL;
	make_room(b, n == 0 ? 1 : n);
	return b->p + b->end;
}

void buf_commit(struct buf *b, size_t n)
{
	b->end += n;
}

bool buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return true;
	uint8_t *to = buf_reserve(b, n);
	if (to == NULL)
		return false;
	memcpy(to, p, n);
	b->end += n;
	return true;
}

bool buf_append_str(struct buf *b, struct str s)
{
	return buf_append(b, s.p, s.n);
}

bool buf_append_u8(struct buf *b, uint8_t c)
{
	return buf_append(b, &c, 1);
}

bool buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		return false;
	if ((size_t)n > b->max - buf_len(b))
		return false;
	make_room(b, (size_t)n + 1); /* vsnprintf's NUL is no part of the text */
	char *to = (char *)b->p + b->end;
	va_start(ap, format);
	vsnprintf(to, (size_t)n + 1, format, ap);
	va_end(ap);
	b->end += (size_t)n;
	return true;
}

void buf_consume(struct buf *b, size_t n)
{
	b->start += n < buf_len(b) ? n : buf_len(b);
	if (b->start == b->end)
		buf_reset(b);
}
