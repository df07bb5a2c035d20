/* SPDX-License-Identifier: ISC
 *
 * A piece is read to where it is sent from. What must be put between its octets is a
 * matter of two neighbours, so whole blocks are looked at with a loop that the
 * compiler makes vectors of, and most pieces are done after that.
 */
#include "deliver-remote/outgoing.h"
#include "deliver-remote/outgoing-7bit.h"
#include "common/header.h"

enum { BLOCK = 64, SCAN_PIECE = 4096 };

void outgoing_init(struct outgoing *o, outgoing_read read, void *ctx, uint64_t size)
{
	*o = (struct outgoing){.read = read, .ctx = ctx, .size = size, .last = '\n'};
}

void outgoing_release(struct outgoing *o)
{
	seven_bit_free(o->seven);
	o->seven = NULL;
}

/* Between `before` and `octet` something is missing: the other half of a CRLF, or a dot. */
static inline unsigned needs_octet(uint8_t before, uint8_t octet)
{
	return (unsigned)((octet == '.') & (before == '\n')) |
	       (unsigned)((octet == '\n') & (before != '\r')) |
	       (unsigned)((octet != '\n') & (before == '\r'));
}

/* p[-1] is the octet before. */
static inline bool block_needs_octet(const uint8_t *p)
{
	uint8_t any = 0;
	for (size_t i = 0; i < BLOCK; i++)
		any |= (uint8_t)needs_octet(p[(ptrdiff_t)i - 1], p[i]);
	return any != 0;
}

/* Places in p[1] to p[n - 1] where something is missing before them. */
static size_t count_needs(const uint8_t *p, size_t n)
{
	size_t count = 0, i = 1;
	for (; i + BLOCK <= n; i += BLOCK)
		if (block_needs_octet(p + i))
			for (size_t k = i; k < i + BLOCK; k++)
				count += needs_octet(p[k - 1], p[k]);
	for (; i < n; i++)
		count += needs_octet(p[i - 1], p[i]);
	return count;
}

/* Puts before `octet` what is missing, and it. */
static uint8_t *put_octet(uint8_t *to, uint8_t before, uint8_t octet)
{
	if (before == '\r' && octet != '\n') {
		*to++ = '\n';
		before = '\n';
	}
	if (octet == '\n' && before != '\r')
		*to++ = '\r';
	if (octet == '.' && before == '\n')
		*to++ = '.';
	*to++ = octet;
	return to;
}

/* From `from` (n octets, the first of them after `before`) to `to`, which is below it in the same
 * memory by at least as much as it grows. */
static uint8_t *spread(uint8_t *to, const uint8_t *from, size_t n, uint8_t before)
{
	size_t i = 0;
	for (; i < n; i++) {
		while (i > 0 && i + BLOCK <= n && !block_needs_octet(from + i)) {
			before = from[i + BLOCK - 1];
			memmove(to, from + i, BLOCK);
			to += BLOCK;
			i += BLOCK;
		}
		if (i == n)
			break;
		uint8_t octet = from[i];
		to = put_octet(to, before, octet);
		before = octet;
	}
	return to;
}

/* The last n octets in `out` are content as it was read. */
static void canonicalise(struct outgoing *o, struct buf *out, size_t n)
{
	if (n == 0)
		return;
	uint8_t *p = buf_data(out) + buf_len(out) - n;
	uint8_t last = p[n - 1];
	size_t needs = needs_octet(o->last, p[0]) + count_needs(p, n);
	if (needs > 0) {
		size_t growth = 2 * needs; /* at most the LF of a bare CR and a dot */
		buf_reserve(out, growth);
		p = buf_data(out) + buf_len(out) - n;
		memmove(p + growth, p, n);
		const uint8_t *end = spread(p, p + growth, n, o->last);
		buf_commit(out, (size_t)(end - p) - n);
	}
	o->last = last;
}

static void put_end(const struct outgoing *o, struct buf *out)
{
	if (o->last == '\r')
		buf_append_u8(out, '\n');
	else if (o->last != '\n')
		buf_append_str(out, STR("\r\n"));
	buf_append_str(out, STR(".\r\n"));
}

static enum outgoing_state read_piece(struct outgoing *o, struct buf *out, size_t n)
{
	uint64_t left = o->size - o->at;
	if (n > left)
		n = (size_t)left;
	if (n == 0)
		return OUTGOING_END;
	uint8_t *to = buf_reserve(out, n);
	if (to == NULL || !o->read(o->ctx, o->at, to, n))
		return OUTGOING_UNREADABLE;
	buf_commit(out, n);
	o->at += n;
	return o->at == o->size ? OUTGOING_END : OUTGOING_MORE;
}

enum outgoing_state outgoing_piece(struct outgoing *o, struct buf *out, size_t n)
{
	size_t before = buf_len(out);
	enum outgoing_state state =
	    o->seven != NULL ? seven_bit_piece(o->seven, o, &o->at, out, n) : read_piece(o, out, n);
	canonicalise(o, out, buf_len(out) - before);
	if (state == OUTGOING_END)
		put_end(o, out);
	return state;
}

bool outgoing_whole(const struct outgoing *o, struct buf *out)
{
	struct outgoing from = *o;
	enum outgoing_state state;
	do
		state = read_piece(&from, out, SCAN_PIECE * 16);
	while (state == OUTGOING_MORE);
	return state == OUTGOING_END;
}

static bool is_eight_bit(struct str s)
{
	uint8_t all = 0;
	size_t i = 0;
	for (; i + BLOCK <= s.n; i += BLOCK)
		for (size_t k = 0; k < BLOCK; k++)
			all |= (uint8_t)s.p[i + k];
	for (; i < s.n; i++)
		all |= (uint8_t)s.p[i];
	return all > 127;
}

/* In p[1] to p[n]. */
static bool has_bare(const uint8_t *p, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 1; i <= n; i++)
		any |= (uint8_t)((p[i] == '\n') != (p[i - 1] == '\r'));
	return any != 0;
}

bool outgoing_scan(const struct outgoing *o, struct outgoing_facts *facts)
{
	uint8_t p[1 + SCAN_PIECE];
	*facts = (struct outgoing_facts){0};
	p[0] = '\n';
	for (uint64_t at = 0; at < o->size;) {
		size_t n = o->size - at < SCAN_PIECE ? (size_t)(o->size - at) : SCAN_PIECE;
		if (!o->read(o->ctx, at, p + 1, n))
			return false;
		facts->eight_bit |= is_eight_bit(str_from(p + 1, n));
		facts->bare |= has_bare(p, n);
		p[0] = p[n];
		at += n;
	}
	facts->bare |= p[0] != '\n';
	return true;
}

bool outgoing_scan_header(const struct outgoing *o, size_t max, bool *eight_bit)
{
	struct buf header = BUF_INIT(max);
	size_t n = o->size < max ? (size_t)o->size : max;
	uint8_t *to = n == 0 ? NULL : buf_reserve(&header, n);
	bool ok = n == 0 || o->read(o->ctx, 0, to, n);
	if (ok) {
		buf_commit(&header, n);
		struct str h = buf_str(&header);
		*eight_bit = is_eight_bit(str_head(h, header_length(h)));
	}
	buf_release(&header);
	return ok;
}

enum outgoing_state outgoing_plan(struct outgoing *o, size_t n)
{
	struct buf piece = BUF_INIT(n);
	if (o->seven == NULL)
		o->seven = seven_bit_new();
	enum outgoing_state state = read_piece(o, &piece, n);
	seven_bit_look(o->seven, buf_str(&piece));
	buf_release(&piece);
	if (state != OUTGOING_END)
		return state;
	o->at = 0;
	if (!seven_bit_looked(o->seven))
		return OUTGOING_UNCONVERTED;
	if (seven_bit_is_plain(o->seven))
		outgoing_release(o);
	return OUTGOING_END;
}
