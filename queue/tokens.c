/* SPDX-License-Identifier: ISC
 *
 * A ring of entries in the order of their coming, and a table by token. The ring
 * is one allocation that the kernel backs as it fills.
 *
 * Invariant: an entry is in the table exactly while its id is not 0. Only entries
 * from `first`, `count` of them, may be so.
 */
#include "queue/tokens.h"
#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>

struct entry {
	uint64_t token;
	uint64_t id; /* 0: removed */
	uint64_t when;
};

struct tokens {
	struct hash *by_token;
	struct entry *ring;
	size_t first, count;
};

static struct str key_of(const void *entry)
{
	const struct entry *e = entry;
	return str_from(&e->token, sizeof(e->token));
}

static struct str key(const uint64_t *token)
{
	return str_from(token, sizeof(*token));
}

struct tokens *tokens_new(void)
{
	struct tokens *t = xcalloc(1, sizeof(*t));
	t->by_token = hash_new(key_of);
	t->ring = xcalloc(TOKENS_MAX, sizeof(*t->ring));
	return t;
}

void tokens_free(struct tokens *t)
{
	if (t == NULL)
		return;
	hash_free(t->by_token);
	free(t->ring);
	free(t);
}

static void drop(struct tokens *t, struct entry *e)
{
	if (e->id == 0)
		return;
	hash_take(t->by_token, key_of(e));
	e->id = 0;
}

static void drop_first(struct tokens *t)
{
	drop(t, &t->ring[t->first]);
	t->first = (t->first + 1) % TOKENS_MAX;
	t->count--;
}

static void expire(struct tokens *t, uint64_t now)
{
	while (t->count > 0 && t->ring[t->first].when + TOKEN_LIFETIME_MS < now)
		drop_first(t);
}

void tokens_add(struct tokens *t, uint64_t token, uint64_t id, uint64_t now)
{
	expire(t, now);
	if (t->count == TOKENS_MAX)
		drop_first(t);
	struct entry *e = &t->ring[(t->first + t->count++) % TOKENS_MAX];
	*e = (struct entry){.token = token, .id = id, .when = now};
	struct entry *old = hash_put(t->by_token, e);
	if (old != NULL)
		old->id = 0;
}

bool tokens_find(struct tokens *t, uint64_t token, uint64_t now, uint64_t *id)
{
	expire(t, now);
	const struct entry *e = hash_find(t->by_token, key(&token));
	if (e == NULL)
		return false;
	*id = e->id;
	return true;
}

void tokens_remove(struct tokens *t, uint64_t token, uint64_t id)
{
	struct entry *e = hash_find(t->by_token, key(&token));
	if (e != NULL && e->id == id)
		drop(t, e);
}
