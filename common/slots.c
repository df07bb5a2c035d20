/* SPDX-License-Identifier: ISC
 *
 * A cookie is the slot's index in the low bits and its generation above; the
 * generation grows each time a slot is emptied. Index 0 is never used, so that
 * no cookie is 0 and it can end the list of free slots.
 */
#include "common/slots.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_BITS = 20, COUNT_FIRST = 64 };

static uint32_t index_of(uint32_t cookie)
{
	return cookie & ((1U << INDEX_BITS) - 1);
}

static uint32_t cookie_of(const struct slots *s, uint32_t i)
{
	return s->list[i].generation << INDEX_BITS | i;
}

static void grow(struct slots *s)
{
	uint32_t count = s->count == 0 ? COUNT_FIRST : s->count * 2;
	s->list = xreallocarray(s->list, count, sizeof(*s->list));
	memset(s->list + s->count, 0, (count - s->count) * sizeof(*s->list));
	for (uint32_t i = count - 1; i >= s->count && i > 0; i--) {
		s->list[i].next_free = s->first_free;
		s->first_free = i;
	}
	s->count = count;
}

uint32_t slots_put(struct slots *s, void *entry)
{
	if (s->first_free == 0 && s->count < SLOTS_MAX)
		grow(s);
	uint32_t i = s->first_free;
	if (i == 0)
		return 0;
	s->first_free = s->list[i].next_free;
	s->list[i].entry = entry;
	return cookie_of(s, i);
}

void *slots_get(const struct slots *s, uint32_t cookie)
{
	uint32_t i = index_of(cookie);
	if (i == 0 || i >= s->count || cookie_of(s, i) != cookie)
		return NULL;
	return s->list[i].entry;
}

void *slots_take(struct slots *s, uint32_t cookie)
{
	void *entry = slots_get(s, cookie);
	if (entry == NULL)
		return NULL;
	struct slot *slot = &s->list[index_of(cookie)];
	slot->entry = NULL;
	slot->generation++;
	slot->next_free = s->first_free;
	s->first_free = index_of(cookie);
	return entry;
}

void slots_free(struct slots *s)
{
	free(s->list);
	*s = (struct slots){0};
}
