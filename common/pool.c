/* SPDX-License-Identifier: ISC
 *
 * A pool is a list of blocks, newest first. Small requests share blocks that
 * double from 512 bytes to 64 KiB; a large one gets a block of its own size.
 */
#include "common/pool.h"
#include "common/mem.h"

#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK_FIRST = 512, BLOCK_LARGEST = 64 * 1024, BLOCK_KEPT = 4096 };

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

struct pool {
	struct block *blocks;
	size_t used;
	size_t ceiling;
};

struct pool *pool_new(size_t ceiling)
{
	struct pool *pool = xcalloc(1, sizeof(*pool));
	pool->ceiling = ceiling;
	return pool;
}

static void free_blocks(struct block *b)
{
	while (b != NULL) {
		struct block *next = b->next;
		free(b);
		b = next;
	}
}

void pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	free_blocks(pool->blocks);
	free(pool);
}

void pool_reset(struct pool *pool)
{
	struct block *keep = pool->blocks;
	pool->used = 0;
	if (keep == NULL)
		return;
	free_blocks(keep->next);
	keep->next = NULL;
	keep->used = 0;
	if (keep->size > BLOCK_KEPT) {
		free(keep);
		pool->blocks = NULL;
	}
}

static struct block *block_for(struct pool *pool, size_t n)
{
	struct block *b = pool->blocks;
	if (b != NULL && b->size - b->used >= n)
		return b;
	size_t size = b == NULL ? BLOCK_FIRST : b->size * 2;
	if (size > BLOCK_LARGEST)
		size = BLOCK_LARGEST;
	if (size < n)
		size = n;
	struct block *fresh = xmalloc(sizeof(*fresh) + size);
	*fresh = (struct block){.next = b, .size = size};
	pool->blocks = fresh;
	return fresh;
}

void *pool_alloc(struct pool *pool, size_t n)
{
	enum { ALIGN = alignof(max_align_t) };
	if (n > pool->ceiling - pool->used)
		return NULL;
	size_t rounded = (n + ALIGN - 1) / ALIGN * ALIGN;
	if (rounded < n)
		return NULL;
	if (rounded == 0)
		rounded = ALIGN;
	struct block *b = block_for(pool, rounded);
	void *p = b->data + b->used;
	b->used += rounded;
	pool->used += rounded < pool->ceiling - pool->used ? rounded : pool->ceiling - pool->used;
	return memset(p, 0, rounded);
}

void *pool_array(struct pool *pool, size_t count, size_t n)
{
	size_t total;
	if (__builtin_mul_overflow(count, n, &total))
		return NULL;
	return pool_alloc(pool, total);
}

char *pool_cstr(struct pool *pool, struct str s)
{
	char *c = s.n == SIZE_MAX ? NULL : pool_alloc(pool, s.n + 1);
	if (c != NULL && s.n > 0)
		memcpy(c, s.p, s.n);
	return c;
}

bool pool_copy(struct pool *pool, struct str s, struct str *out)
{
	char *c = pool_cstr(pool, s);
	if (c == NULL)
		return false;
	*out = (struct str){c, s.n};
	return true;
}

size_t pool_used(const struct pool *pool)
{
	return pool->used;
}
