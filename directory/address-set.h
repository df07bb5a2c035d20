/* SPDX-License-Identifier: ISC
 *
 * A list of addresses, none twice, that also finds them: for a short list by
 * looking along it, for a long one by keyed hash.
 */
#ifndef POSTERN_DIRECTORY_ADDRESS_SET_H
#define POSTERN_DIRECTORY_ADDRESS_SET_H

#include "common/pool.h"

struct address_set {
	struct pool *pool; /* owns the list */
	struct str *list;
	size_t count;
	size_t cap;
	uint16_t *slots; /* index + 1; NULL while the list is short */
};

#define ADDRESS_SET_MAX 4096

/* The address's place, or count. */
size_t address_set_find(const struct address_set *s, struct str address);
/* Adds one that is not there, at place count; false at ADDRESS_SET_MAX or past the pool. */
bool address_set_add(struct address_set *s, struct str address);

/* A list in the pool with room for one more element of n bytes; NULL past the pool. */
void *pool_grow(struct pool *pool, void *list, size_t count, size_t *cap, size_t n);

#endif
