/* SPDX-License-Identifier: ISC */
#include "queue/transaction.h"
#include "common/mem.h"

#include <stdlib.h>

/* RECIPIENTS_MAX of the longest there can be, rounded up by the pool. */
#define POOL_MAX ((size_t)RECIPIENTS_MAX * 2048)

struct transaction *transaction_new(struct intake_peer *peer, uint32_t cookie)
{
	struct transaction *t = xcalloc(1, sizeof(*t));
	t->peer = peer;
	t->cookie = cookie;
	t->state = TRANSACTION_COLLECTING;
	return t;
}

void transaction_free(struct transaction *t)
{
	if (t == NULL)
		return;
	pool_free(t->pool);
	free(t->recipients);
	free(t);
}

struct str transaction_key(const void *transaction)
{
	const struct transaction *t = transaction;
	return str_from(&t->cookie, sizeof(t->cookie));
}

static void make_room(struct transaction *t, size_t count)
{
	if (t->pool == NULL)
		t->pool = pool_new(POOL_MAX);
	if (t->count + count <= t->cap)
		return;
	while (t->cap < t->count + count)
		t->cap = t->cap == 0 ? RECIPIENTS_PER_PACKET : t->cap * 2;
	t->recipients = xreallocarray(t->recipients, t->cap, sizeof(*t->recipients));
}

static bool copy(struct pool *pool, struct recipient *to, const struct recipient *from)
{
	*to = *from;
	return pool_copy(pool, from->address, &to->address) &&
	       pool_copy(pool, from->original, &to->original) &&
	       pool_copy(pool, from->orcpt, &to->orcpt) &&
	       pool_copy(pool, from->nexthop, &to->nexthop);
}

bool transaction_add(struct transaction *t, const struct recipient *list, size_t count)
{
	if (count > RECIPIENTS_MAX - t->count)
		return false;
	if (count == 0)
		return true;
	make_room(t, count);
	for (size_t i = 0; i < count; i++)
		if (!copy(t->pool, &t->recipients[t->count + i], &list[i]))
			return false;
	t->count += count;
	return true;
}

size_t transaction_octets(const struct transaction *t)
{
	return t->cap * sizeof(*t->recipients) + (t->pool == NULL ? 0 : pool_used(t->pool));
}
