/* SPDX-License-Identifier: ISC */
#include "deliver-local/part.h"
#include "common/mem.h"

#include <stdlib.h>

#define POOL_MAX ((size_t)256 * 1024)

struct part *part_new(uint64_t number, const struct local_delivery *to, struct letter *letter)
{
	struct part *p = xcalloc(1, sizeof(*p));
	*p = (struct part){.number = number,
	    .delivery = to->delivery,
	    .letter = letter_ref(letter),
	    .pool = pool_new(POOL_MAX)};
	p->targets = xcalloc(to->targets_count + 1, sizeof(*p->targets));
	/* A packet's worth of them fits in the pool. */
	for (size_t i = 0; i < to->targets_count; i++) {
		p->targets[p->count].number = to->targets[i].number;
		if (pool_copy(p->pool, to->targets[i].address, &p->targets[p->count].address) &&
		    pool_copy(p->pool, to->targets[i].original, &p->targets[p->count].original))
			p->count++;
	}
	return p;
}

void part_free(struct part *p)
{
	letter_drop(p->letter);
	pool_free(p->pool);
	free(p->targets);
	free(p);
}

bool part_any(const struct local_result *results, size_t n, enum delivery_outcome outcome)
{
	for (size_t i = 0; i < n; i++)
		if (results[i].outcome == outcome)
			return true;
	return false;
}

bool part_may_be(const struct part *p, const struct local_result *results, size_t n)
{
	if (n != p->count)
		return false;
	for (size_t i = 0; i < n; i++)
		if (results[i].number != p->targets[i].number ||
		    results[i].outcome < DELIVERY_VISIBLE || results[i].outcome > DELIVERY_FAILED)
			return false;
	return true;
}

void part_fill(const struct part *p, struct local_result *results, enum delivery_outcome outcome,
    const char *enhanced, const char *text)
{
	for (size_t i = 0; i < p->count; i++)
		results[i] = (struct local_result){.number = p->targets[i].number,
		    .outcome = (uint8_t)outcome,
		    .enhanced = str_from_cstr(enhanced),
		    .text = str_from_cstr(text)};
}
