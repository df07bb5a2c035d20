/* SPDX-License-Identifier: ISC */
#include "directory/address-set.h"
#include "common/hash.h"

enum { FEW = 16, SLOTS = 2 * ADDRESS_SET_MAX };

void *pool_grow(struct pool *pool, void *list, size_t count, size_t *cap, size_t n)
{
	if (count < *cap)
		return list;
	size_t larger = *cap == 0 ? 4 : *cap * 2;
	void *fresh = pool_array(pool, larger, n);
	if (fresh == NULL)
		return NULL;
	if (count > 0)
		memcpy(fresh, list, count * n);
	*cap = larger;
	return fresh;
}

static size_t first_slot(struct str address)
{
	return (size_t)(hash_bytes(address.p, address.n) % SLOTS);
}

static size_t next_slot(size_t at)
{
	return (at + 1) % SLOTS;
}

size_t address_set_find(const struct address_set *s, struct str address)
{
	if (s->slots == NULL) {
		size_t i = 0;
		while (i < s->count && !str_eq(s->list[i], address))
			i++;
		return i;
	}
	for (size_t at = first_slot(address); s->slots[at] != 0; at = next_slot(at))
		if (str_eq(s->list[s->slots[at] - 1U], address))
			return s->slots[at] - 1U;
	return s->count;
}

static void occupy(struct address_set *s, size_t i)
{
	size_t at = first_slot(s->list[i]);
	while (s->slots[at] != 0)
		at = next_slot(at);
	s->slots[at] = (uint16_t)(i + 1);
}

static bool make_slots(struct address_set *s)
{
	s->slots = pool_array(s->pool, SLOTS, sizeof(*s->slots));
	if (s->slots == NULL)
		return false;
	for (size_t i = 0; i < s->count; i++)
		occupy(s, i);
	return true;
}

bool address_set_add(struct address_set *s, struct str address)
{
	if (s->count == ADDRESS_SET_MAX)
		return false;
	if (s->count == FEW && s->slots == NULL && !make_slots(s))
		return false;
	struct str *list = pool_grow(s->pool, s->list, s->count, &s->cap, sizeof(*list));
	if (list == NULL)
		return false;
	s->list = list;
	s->list[s->count++] = address;
	if (s->slots != NULL)
		occupy(s, s->count - 1);
	return true;
}
