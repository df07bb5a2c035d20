/* SPDX-License-Identifier: ISC */
#include "deliver-remote/dead.h"
#include "common/hash.h"

static struct dead_place *set_of(const struct dead *d, const struct place *place)
{
	uint64_t h = hash_bytes(place, sizeof(*place));
	return (struct dead_place *)(uintptr_t)d->table[h % DEAD_SETS];
}

static struct dead_place *find(const struct dead *d, const struct place *place)
{
	struct dead_place *set = set_of(d, place);
	for (size_t i = 0; i < DEAD_WAYS; i++)
		if (set[i].until_ms != 0 && place_eq(&set[i].place, place))
			return &set[i];
	return NULL;
}

/* The one that is forgotten first. */
static struct dead_place *oldest(const struct dead *d, const struct place *place)
{
	struct dead_place *set = set_of(d, place), *old = set;
	for (size_t i = 1; i < DEAD_WAYS; i++)
		if (set[i].until_ms < old->until_ms)
			old = &set[i];
	return old;
}

void dead_note(struct dead *d, const struct place *place, enum link_fault fault, uint64_t now_ms)
{
	if (fault != LINK_TIMED_OUT && fault != LINK_SILENT)
		return;
	struct dead_place *p = find(d, place);
	if (p == NULL)
		p = oldest(d, place);
	*p = (struct dead_place){*place, fault, now_ms + DEAD_MS};
}

void dead_forget(struct dead *d, const struct place *place)
{
	struct dead_place *p = find(d, place);
	if (p != NULL)
		p->until_ms = 0;
}

enum link_fault dead_find(const struct dead *d, const struct place *place, uint64_t now_ms)
{
	const struct dead_place *p = find(d, place);
	return p != NULL && p->until_ms > now_ms ? p->fault : LINK_NONE;
}

void dead_note_family(struct dead *d, unsigned family, uint64_t now_ms)
{
	*(family == 4 ? &d->family4_ms : &d->family6_ms) = now_ms + DEAD_FAMILY_MS;
}

void dead_forget_family(struct dead *d, unsigned family)
{
	*(family == 4 ? &d->family4_ms : &d->family6_ms) = 0;
}

bool dead_is_family(const struct dead *d, unsigned family, uint64_t now_ms)
{
	return (family == 4 ? d->family4_ms : d->family6_ms) > now_ms;
}
