/* SPDX-License-Identifier: ISC
 *
 * The parts of usage.h: counts and judgement (usage.c), what the operator is told or shows
 * (usage-tell.c), records (usage-keep.c).
 */
#ifndef POSTERN_DIRECTORY_USAGE_INTERNAL_H
#define POSTERN_DIRECTORY_USAGE_INTERNAL_H

#include "directory/lru.h"
#include "directory/usage.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };

/* Two windows side by side; what lies before them counts no more. */
struct window {
	uint64_t start_s;
	uint64_t now, before;
};

enum telling { TELL_NOT, TELL_WAITS, TELL_TAKEN };

/* What is kept over a restart. */
struct record {
	struct window hour, day;
	uint64_t told_s;
	enum telling telling;
	struct usage_passed passed;
	size_t client_count;
	struct guess_source clients[USAGE_CLIENTS];
};

struct entry {
	struct lru_link link; /* first */
	struct record r;
	size_t n;
	char key[];
};

struct usage {
	struct lru *entries;
	uint64_t changes;
};

static inline struct str usage_key_of(const void *entry)
{
	const struct entry *e = entry;
	return str_from(e->key, e->n);
}

/* Known of now on, with nothing counted; the key is not in the table. */
struct entry *usage_make(struct usage *u, struct str key);
/* The one there is, its windows turned to now; NULL: none. */
struct entry *usage_find(struct usage *u, struct str key, uint64_t now_s);
struct entry *usage_get(struct usage *u, struct str key, uint64_t now_s);
void usage_turn(struct entry *e, uint64_t now_s);
uint64_t usage_sum(const struct entry *e, enum usage_window window, uint64_t now_s);
void usage_note_client(struct entry *e, const struct guess_source *from);

#endif
