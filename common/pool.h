/* SPDX-License-Identifier: ISC
 *
 * Arenas: what is allocated from a pool lives until the pool is reset or freed.
 * A pool has a ceiling; past it pool_alloc returns NULL, which callers turn into
 * the refusal that fits (it is a limit of theirs, not a lack of memory).
 */
#ifndef POSTERN_POOL_H
#define POSTERN_POOL_H

#include "common/str.h"

struct pool;

/* `ceiling` in bytes, counting what is handed out. Owns nothing until first used. */
struct pool *pool_new(size_t ceiling);
void pool_free(struct pool *pool);
/* Frees everything handed out; keeps one block of at most 4 KiB. */
void pool_reset(struct pool *pool);
/* Zeroed memory, aligned for any type, or NULL past the ceiling. */
void *pool_alloc(struct pool *pool, size_t n);
void *pool_array(struct pool *pool, size_t count, size_t n);
/* Copies; .p == NULL with .n > 0 never happens: past the ceiling they return false. */
bool pool_copy(struct pool *pool, struct str s, struct str *out);
/* NUL-terminated copy or NULL past the ceiling. */
char *pool_cstr(struct pool *pool, struct str s);
size_t pool_used(const struct pool *pool);

#endif
