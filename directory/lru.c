/* SPDX-License-Identifier: ISC
 *
 * Invariant: every entry is in the hash and in the list, whose first was touched longest ago.
 */
#include "directory/lru.h"
#include "common/mem.h"

#include <stdlib.h>

TAILQ_HEAD(lru_list, lru_link);

struct lru {
	size_t max;
	struct hash *by_key;
	hash_key_fn *key_of;
	void (*gone)(void *entry);
	struct lru_list by_touch;
};

struct lru *lru_new(size_t max, hash_key_fn *key_of, void (*gone)(void *entry))
{
	struct lru *l = xcalloc(1, sizeof(*l));
	*l = (struct lru){.max = max, .by_key = hash_new(key_of), .key_of = key_of, .gone = gone};
	TAILQ_INIT(&l->by_touch);
	return l;
}

void lru_drop(struct lru *l, void *entry)
{
	hash_take(l->by_key, l->key_of(entry));
	TAILQ_REMOVE(&l->by_touch, (struct lru_link *)entry, list);
	l->gone(entry);
}

void lru_clear(struct lru *l)
{
	struct lru_link *e;
	while ((e = TAILQ_FIRST(&l->by_touch)) != NULL)
		lru_drop(l, e);
}

void lru_free(struct lru *l)
{
	if (l == NULL)
		return;
	lru_clear(l);
	hash_free(l->by_key);
	free(l);
}

size_t lru_count(const struct lru *l)
{
	return hash_count(l->by_key);
}

void *lru_find(const struct lru *l, struct str key)
{
	return hash_find(l->by_key, key);
}

void lru_add(struct lru *l, void *entry)
{
	if (hash_count(l->by_key) >= l->max)
		lru_drop(l, TAILQ_FIRST(&l->by_touch));
	hash_put(l->by_key, entry);
	TAILQ_INSERT_TAIL(&l->by_touch, (struct lru_link *)entry, list);
}

void lru_touch(struct lru *l, void *entry)
{
	TAILQ_REMOVE(&l->by_touch, (struct lru_link *)entry, list);
	TAILQ_INSERT_TAIL(&l->by_touch, (struct lru_link *)entry, list);
}

void *lru_oldest(const struct lru *l)
{
	return TAILQ_FIRST(&l->by_touch);
}

void *lru_newer(const void *entry)
{
	return TAILQ_NEXT((const struct lru_link *)entry, list);
}

void *lru_newest(const struct lru *l)
{
	return TAILQ_LAST(&l->by_touch, lru_list);
}

void *lru_older(const void *entry)
{
	return TAILQ_PREV((const struct lru_link *)entry, lru_list, list);
}
