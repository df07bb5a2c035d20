/* SPDX-License-Identifier: ISC
 *
 * The parts of guesses.h: counters and judgement (guesses.c), networks of a login's own
 * (guesses-good.c), reports and records (guesses-keep.c).
 */
#ifndef POSTERN_DIRECTORY_GUESSES_INTERNAL_H
#define POSTERN_DIRECTORY_GUESSES_INTERNAL_H

#include "common/hash.h"
#include "directory/guesses.h"

#include <sys/queue.h>

enum { KEY_MAX = 1 + ADDRESS_MAX, PREFIX_MAX = 16, KIND_GOOD = 5, VALUE_MAX = 512 };

struct counter {
	TAILQ_ENTRY(counter) link;
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
	TAILQ_ENTRY(good) link;
	struct good_network networks[GUESS_GOOD_NETWORKS];
	size_t key_size;
	uint8_t key[];
};

TAILQ_HEAD(counter_list, counter);
TAILQ_HEAD(good_list, good);

struct guesses {
	struct guess_limits limits;
	struct hash *counters, *goods;
	struct counter_list by_touch;
	struct good_list goods_by_touch;
	uint64_t changes;
};

struct key {
	size_t n;
	uint8_t p[KEY_MAX];
};

static inline struct str guess_key_str(const struct key *k)
{
	return str_from(k->p, k->n);
}

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
/* False: there is nothing of that kind to count by. */
bool guess_key(
    const struct guess_source *from, struct str login, enum guess_kind kind, struct key *out);
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
void guess_drop_good(struct guesses *g, struct good *e);

#endif
