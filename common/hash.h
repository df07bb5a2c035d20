/* SPDX-License-Identifier: ISC
 *
 * A hash table keyed by bytes or by a 64-bit number, for keys that strangers may
 * choose: SipHash-2-4 with a random key per process. It stores pointers to
 * entries that embed nothing; it owns only its own slots.
 */
#ifndef POSTERN_HASH_H
#define POSTERN_HASH_H

#include "common/str.h"

struct hash;

/* SipHash-2-4 with the process's random key. */
uint64_t hash_bytes(const void *p, size_t n);
uint64_t siphash24(const uint8_t key[16], const void *p, size_t n);

typedef struct str hash_key_fn(const void *entry);

/* `key_of` gives an entry's key, which must not change while it is in the table. */
struct hash *hash_new(hash_key_fn *key_of);
void hash_free(struct hash *h);
size_t hash_count(const struct hash *h);
void *hash_find(const struct hash *h, struct str key);
/* Adds; an entry of the same key is replaced and returned. */
void *hash_put(struct hash *h, void *entry);
/* Removes and returns, NULL when there is none. */
void *hash_take(struct hash *h, struct str key);
/* Calls fn for each entry; fn may free the entry only if the table is emptied afterwards. */
void hash_each(struct hash *h, void (*fn)(void *entry, void *ctx), void *ctx);
void hash_clear(struct hash *h);

#endif
