/* SPDX-License-Identifier: ISC
 *
 * The parts of guesses.h: counters and judgement (guesses.c), networks of a login's own
 * (guesses-good.c), reports and records (guesses-keep.c).
 */
#ifndef POSTERN_DIRECTORY_GUESSES_INTERNAL_H
#define POSTERN_DIRECTORY_GUESSES_INTERNAL_H

#include "directory/guesses.h"
#include "directory/lru.h"

enum { KEY_MAX = GUESS_KEY_MAX, PREFIX_MAX = 16, KIND_GOOD = 5, VALUE_MAX = 512 };

struct counter {
	struct lru_link link; /* first */
	unsigned failures;
	uint64_t last_ms;
	uint64_t refused_until_ms;
	uint64_t login;	  /* hash of the one login that was failed with; 0: of several */
	uint64_t attempt; /* the last; not kept over a restart */
	size_t key_size;
	uint8_t key[];
};

struct good_network {
	uint8_t size;
	uint8_t prefix[PREFIX_MAX];
	uint64_t seen_ms;
};

/* A login and where it was used. */
struct good {
	struct lru_link link; /* first */
	struct good_network networks[GUESS_GOOD_NETWORKS];
	size_t key_size;
	uint8_t key[];
};

struct guesses {
	struct guess_limits limits;
	struct lru *counters, *goods;
	uint64_t changes, refusals;
};

static inline struct str counter_key(const void *entry)
{
	const struct counter *c = entry;
	return str_from(c->key, c->key_size);
}

static inline struct str good_key(const void *entry)
{
	const struct good *e = entry;
	return str_from(e->key, e->key_size);
}

/* guesses.c */
struct counter *guess_add(struct guesses *g, struct str key);
void guess_drop(struct guesses *g, struct counter *c);
/* NULL when nothing is counted, or it is forgotten. */
struct counter *guess_find(struct guesses *g, struct str key, uint64_t now_ms);
/* A clock that went back must not refuse for ever. */
void guess_mend_times(const struct guesses *g, struct counter *c, uint64_t now_ms);

/* guesses-good.c */
void guess_remember(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms);
struct good *guess_add_good(struct guesses *g, struct str key);

#endif
