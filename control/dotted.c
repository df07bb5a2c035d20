/* SPDX-License-Identifier: ISC */
#include "control/dotted.h"

static uint8_t *put_line_end(struct dotted *d, uint8_t *p)
{
	*p++ = '\r';
	*p++ = '\n';
	d->in_line = false;
	d->after_cr = false;
	return p;
}

static uint8_t *put_octet(struct dotted *d, uint8_t *p, char c)
{
	if (d->after_cr || c == '\n') {
		p = put_line_end(d, p);
		if (c == '\n')
			return p;
	}
	if (c == '\r') {
		d->after_cr = true;
		return p;
	}
	if (c == '.' && !d->in_line)
		*p++ = '.';
	*p++ = (uint8_t)c;
	d->in_line = true;
	return p;
}

bool dotted_put(struct dotted *d, struct buf *out, struct str in)
{
	uint8_t *start = buf_reserve(out, DOTTED_MAX(in.n));
	uint8_t *p = start;
	if (start == NULL)
		return false;
	for (size_t i = 0; i < in.n; i++)
		p = put_octet(d, p, in.p[i]);
	buf_commit(out, (size_t)(p - start));
	return true;
}

bool dotted_end(struct dotted *d, struct buf *out)
{
	uint8_t *start = buf_reserve(out, DOTTED_MAX(0));
	uint8_t *p = start;
	if (start == NULL)
		return false;
	if (d->after_cr || d->in_line)
		p = put_line_end(d, p);
	*p++ = '.';
	p = put_line_end(d, p);
	buf_commit(out, (size_t)(p - start));
	return true;
}
