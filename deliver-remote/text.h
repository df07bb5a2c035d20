/* SPDX-License-Identifier: ISC
 *
 * Words for people: reasons, at most REASON_MAX octets each. What comes from the network is put
 * in only after it was made printable.
 */
#ifndef POSTERN_REMOTE_TEXT_H
#define POSTERN_REMOTE_TEXT_H

#include "common/limits.h"
#include "common/pool.h"

struct text {
	char p[REASON_MAX + 1];
	size_t n;
};

static inline struct str text_str(const struct text *t)
{
	return str_from(t->p, t->n);
}

void text_clear(struct text *t);
/* What does not fit is cut, and the cut shown as "...". */
void text_add(struct text *t, struct str s);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, into a pool; empty when that has no room. */
struct str text_in_pool(struct pool *pool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
