/* SPDX-License-Identifier: ISC
 *
 * In a library of its own, since what counts must not be counted.
 */
#include "tests/unit/work.h"
#include "common/mem.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t work;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	work++;
}

/* --- The C library's part --- */

#define WRAP(type, name, parameters, arguments, amount)                                            \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		type result = __real_##name arguments;                                             \
		work += (amount);                                                                  \
		return result;                                                                     \
	}

/* Octets from the start to what was found, or all. */
static size_t passed(const void *start, const void *found, size_t n)
{
	return found == NULL ? n : (size_t)((const char *)found - (const char *)start);
}

WRAP(void *, memcpy, (void *to, const void *from, size_t n), (to, from, n), n)
WRAP(void *, memmove, (void *to, const void *from, size_t n), (to, from, n), n)
WRAP(void *, memset, (void *to, int c, size_t n), (to, c, n), n)
WRAP(int, memcmp, (const void *a, const void *b, size_t n), (a, b, n), n)
WRAP(void *, memchr, (const void *p, int c, size_t n), (p, c, n), passed(p, result, n))
WRAP(void *, memrchr, (const void *p, int c, size_t n), (p, c, n), n)
WRAP(void *, memmem, (const void *p, size_t n, const void *q, size_t m), (p, n, q, m),
    passed(p, result, n))
WRAP(size_t, strlen, (const char *s), (s), result)
WRAP(char *, strchr, (const char *s, int c), (s, c), passed(s, result, strlen(s)))

/* --- Shapes --- */

static struct str make_input(const struct work_shape *shape, size_t count)
{
	size_t head = strlen(shape->head);
	size_t repeated = strlen(shape->repeated);
	size_t tail = strlen(shape->tail);
	char *p = xmalloc(head + count * repeated + tail);
	char *to = p;
	memcpy(to, shape->head, head);
	to += head;
	for (size_t i = 0; i < count; i++, to += repeated)
		memcpy(to, shape->repeated, repeated);
	memcpy(to, shape->tail, tail);
	return (struct str){p, (size_t)(to - p) + tail};
}

static uint64_t work_for(work_fn *fn, const struct work_shape *shape, size_t count, size_t *octets)
{
	struct str input = make_input(shape, count);
	work = 0;
	fn(input);
	uint64_t done = work;
	*octets = input.n;
	unit_free(input);
	return done;
}

void work_assert_linear(
    const char *name, work_fn *fn, const struct work_shape *shape, unsigned per_octet)
{
	size_t octets;
	work_for(fn, shape, 1, &octets); /* what is done only once is done now */
	uint64_t few = work_for(fn, shape, shape->count, &octets);
	uint64_t many = work_for(fn, shape, 4 * shape->count, &octets);
	if (getenv("WORK_VERBOSE") != NULL)
		fprintf(stderr, "%s %zu x \"%s\": %llu, %llu: %.1f an octet\n", name, shape->count,
		    shape->repeated, (unsigned long long)few, (unsigned long long)many,
		    (double)many / (double)octets);
	ck_assert_msg(few > 0, "%s: nothing was counted", name);
	if (many > 6 * few || many > per_octet * (uint64_t)octets + 10000)
		ck_abort_msg(
		    "%s: \"%s\" %zu x \"%s\" \"%s\" is work of %llu, four times as many are %llu",
		    name, shape->head, shape->count, shape->repeated, shape->tail,
		    (unsigned long long)few, (unsigned long long)many);
}
