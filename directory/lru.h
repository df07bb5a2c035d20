/* SPDX-License-Identifier: ISC
 *
 * A table with a ceiling: entries by key, and in the order of their last touch. When it is full,
 * the one touched longest ago gives way, so strangers cannot make it grow, and who is busy stays.
 *
 * An entry is a struct of the caller's, on the heap, that begins with a struct lru_link. The table
 * owns it from lru_add on.
 */
#ifndef POSTERN_DIRECTORY_LRU_H
#define POSTERN_DIRECTORY_LRU_H

#include "common/hash.h"

#include <sys/queue.h>

struct lru_link {
	TAILQ_ENTRY(lru_link) list;
};

struct lru;

/* `gone` frees an entry that leaves the table, however it does. `max` is at least 1. */
struct lru *lru_new(size_t max, hash_key_fn *key_of, void (*gone)(void *entry));
void lru_free(struct lru *l);
void lru_clear(struct lru *l);
size_t lru_count(const struct lru *l);

/* NULL: there is none. Looking is no touch. */
void *lru_find(const struct lru *l, struct str key);
/* As the newest; its key must not be in the table yet. */
void lru_add(struct lru *l, void *entry);
void lru_touch(struct lru *l, void *entry);
void lru_drop(struct lru *l, void *entry);

/* From either end; NULL behind the last. */
void *lru_oldest(const struct lru *l);
void *lru_newer(const void *entry);
void *lru_newest(const struct lru *l);
void *lru_older(const void *entry);

#endif
