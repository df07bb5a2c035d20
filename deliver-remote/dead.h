/* SPDX-License-Identifier: ISC
 *
 * Places that lately kept a delivery waiting for nothing, so that the next one does not wait for
 * the same: a bounded table, in which a newer entry may push out an older one. And families of
 * addresses that this machine cannot reach at all, which are tried last for a while.
 *
 * Pure: time comes in as an argument.
 */
#ifndef POSTERN_REMOTE_DEAD_H
#define POSTERN_REMOTE_DEAD_H

#include "deliver-remote/fault.h"
#include "deliver-remote/place.h"

enum {
	DEAD_SETS = 512, /* a power of two */
	DEAD_WAYS = 4,
	DEAD_MS = 20 * 1000,	     /* how long a place is remembered */
	DEAD_FAMILY_MS = 300 * 1000, /* and a family */
};

struct dead_place {
	struct place place;
	enum link_fault fault;
	uint64_t until_ms; /* 0: nothing here */
};

/* All zero: nothing is dead. */
struct dead {
	struct dead_place table[DEAD_SETS][DEAD_WAYS];
	uint64_t family4_ms, family6_ms; /* until when it is tried last */
};

/* Only what took time is worth remembering: LINK_TIMED_OUT and LINK_SILENT; others are ignored. */
void dead_note(
    struct dead *d, const struct place *place, enum link_fault fault, uint64_t now_ms);
/* It answered. */
void dead_forget(struct dead *d, const struct place *place);
/* LINK_NONE: nothing is known against it. */
enum link_fault dead_find(const struct dead *d, const struct place *place, uint64_t now_ms);

void dead_note_family(struct dead *d, unsigned family, uint64_t now_ms);
void dead_forget_family(struct dead *d, unsigned family);
bool dead_is_family(const struct dead *d, unsigned family, uint64_t now_ms);

#endif
