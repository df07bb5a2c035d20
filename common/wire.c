/* SPDX-License-Identifier: ISC */
#include "common/wire.h"

static const uint8_t *take(struct wire_reader *r, size_t n)
{
	if (r->failed || n > r->n) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->p;
	r->p += n;
	r->n -= n;
	return p;
}

static uint64_t get_uint(struct wire_reader *r, size_t n)
{
	const uint8_t *p = take(r, n);
	uint64_t v = 0;
	for (size_t i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t wire_get_u8(struct wire_reader *r)
{
	return (uint8_t)get_uint(r, 1);
}

uint16_t wire_get_u16(struct wire_reader *r)
{
	return (uint16_t)get_uint(r, 2);
}

uint32_t wire_get_u32(struct wire_reader *r)
{
	return (uint32_t)get_uint(r, 4);
}

uint64_t wire_get_u64(struct wire_reader *r)
{
	return get_uint(r, 8);
}

struct str wire_get_str(struct wire_reader *r, size_t max)
{
	size_t n = wire_get_u32(r);
	if (n > max)
		r->failed = true;
	const uint8_t *p = take(r, n);
	return p == NULL ? (struct str){NULL, 0} : str_from(p, n);
}

void *wire_get_list(struct wire_reader *r, size_t max, size_t n, size_t *count)
{
	*count = 0;
	size_t c = wire_get_u16(r);
	/* Every element has at least one byte, so a count beyond the input is a lie. */
	if (r->failed || c > max || c > r->n) {
		r->failed = true;
		return NULL;
	}
	void *list = pool_array(r->pool, c, n);
	if (list == NULL) {
		r->failed = true;
		return NULL;
	}
	*count = c;
	return list;
}

bool wire_reader_done(const struct wire_reader *r)
{
	return !r->failed && r->n == 0;
}

static void put_uint(struct wire_writer *w, uint64_t v, size_t n)
{
	uint8_t bytes[8];
	for (size_t i = n; i-- > 0; v >>= 8)
		bytes[i] = (uint8_t)v;
	if (w->failed || !buf_append(w->buf, bytes, n))
		w->failed = true;
}

void wire_put_u8(struct wire_writer *w, uint8_t v)
{
	put_uint(w, v, 1);
}

void wire_put_u16(struct wire_writer *w, uint16_t v)
{
	put_uint(w, v, 2);
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
	put_uint(w, v, 4);
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
	put_uint(w, v, 8);
}

void wire_put_str(struct wire_writer *w, struct str s, size_t max)
{
	if (s.n > max) {
		w->failed = true;
		return;
	}
	put_uint(w, s.n, 4);
	if (w->failed || !buf_append(w->buf, s.p, s.n))
		w->failed = true;
}

void wire_put_count(struct wire_writer *w, size_t count, size_t max)
{
	if (count > max || count > UINT16_MAX)
		w->failed = true;
	else
		put_uint(w, count, 2);
}
