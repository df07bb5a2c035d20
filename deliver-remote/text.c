/* SPDX-License-Identifier: ISC
 *
 * Invariant: p[n] is NUL, n <= REASON_MAX, and every octet is printable ASCII.
 */
#include "deliver-remote/text.h"

#include <stdarg.h>
#include <stdio.h>

static const char cut[] = "...";

void text_clear(struct text *t)
{
	t->n = 0;
	t->p[0] = '\0';
}

void text_add(struct text *t, struct str s)
{
	size_t room = REASON_MAX - t->n;
	size_t n = s.n < room ? s.n : room;
	for (size_t i = 0; i < n; i++)
		t->p[t->n++] = ascii_shown(s.p[i]);
	t->p[t->n] = '\0';
	if (n < s.n)
		memcpy(t->p + REASON_MAX - (sizeof(cut) - 1), cut, sizeof(cut) - 1);
}

static void __attribute__((format(printf, 2, 0))) add_formatted(struct text *t, const char *format, va_list args)
{
	char line[2 * REASON_MAX];
	int n = vsnprintf(line, sizeof(line), format, args);
	if (n > 0)
		text_add(
		    t, str_from(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1));
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add_formatted(t, format, args);
	va_end(args);
}

struct str text_in_pool(struct pool *pool, const char *format, ...)
{
	struct text t;
	struct str out;
	va_list args;
	text_clear(&t);
	va_start(args, format);
	add_formatted(&t, format, args);
	va_end(args);
	return pool_copy(pool, text_str(&t), &out) ? out : STR("");
}
