/* SPDX-License-Identifier: ISC */
#include "queue/spool-table.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

void spool_table_reset(struct spool_table *t)
{
	free(t->slots);
	free(t->order);
	*t = (struct spool_table){0};
}

static void make_room(struct spool_table *t, uint32_t slot)
{
	if (slot >= t->slot_count) {
		size_t n = (size_t)slot + 64;
		t->slots = xreallocarray(t->slots, n, sizeof(*t->slots));
		memset(t->slots + t->slot_count, 0, (n - t->slot_count) * sizeof(*t->slots));
		t->slot_count = n;
	}
	if (t->first > 64 && t->first > t->count) {
		memmove(t->order, t->order + t->first, t->count * sizeof(*t->order));
		t->first = 0;
	}
	if (t->first + t->count == t->capacity) {
		t->capacity = t->capacity == 0 ? 64 : t->capacity * 2;
		t->order = xreallocarray(t->order, t->capacity, sizeof(*t->order));
	}
}

void spool_table_add(struct spool_table *t, uint32_t slot, uint64_t sequence, uint32_t size)
{
	make_room(t, slot);
	t->slots[slot] = (struct spool_segment){.sequence = sequence, .size = size};
	t->order[t->first + t->count++] = slot;
	t->octets += size;
}

struct spool_segment *spool_table_find(const struct spool_table *t, uint32_t slot)
{
	return slot < t->slot_count && t->slots[slot].sequence != 0 ? &t->slots[slot] : NULL;
}

uint32_t spool_table_slot(const struct spool_table *t, size_t i)
{
	return t->order[t->first + i];
}

struct spool_segment *spool_table_find_sequence(const struct spool_table *t, uint64_t sequence)
{
	size_t low = 0, high = t->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct spool_segment *s = &t->slots[spool_table_slot(t, middle)];
		if (s->sequence == sequence)
			return s;
		if (s->sequence < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void spool_table_remove_oldest(struct spool_table *t)
{
	struct spool_segment *s = &t->slots[spool_table_slot(t, 0)];
	t->octets -= s->size;
	t->live -= s->live;
	*s = (struct spool_segment){0};
	t->first++;
	t->count--;
}

void spool_table_count_in(struct spool_table *t, struct spool_segment *s, uint32_t room)
{
	if (s == NULL)
		return;
	s->live += room;
	s->messages++;
	t->live += room;
}

bool spool_table_count_out(struct spool_table *t, struct spool_segment *s, uint32_t room)
{
	if (s == NULL)
		return true;
	bool ok = s->messages > 0 && s->live >= room;
	if (!ok)
		s->inexact = true;
	uint64_t out = s->live < room ? s->live : room;
	s->live -= out;
	t->live -= out;
	s->messages -= s->messages > 0;
	return ok;
}
