/* SPDX-License-Identifier: ISC
 *
 * Invariant: a struct transaction that is not all zero has a pool, and everything
 * it points to is in the pool, in `body` or in `seen`.
 */
#include "smtpd/transaction.h"
#include "common/hash.h"

enum { ROOM_FIRST = 4 };

void transaction_begin(struct transaction *t)
{
	transaction_reset(t);
	t->pool = pool_new(TRANSACTION_POOL_MAX);
	buf_init(&t->body, TRANSACTION_BODY_MAX);
}

void transaction_reset(struct transaction *t)
{
	if (t->pool == NULL)
		return;
	hash_free(t->seen);
	buf_release(&t->body);
	pool_free(t->pool);
	memset(t, 0, sizeof(*t));
}

/* Copies of the rows, not pointers to them, are in the table: the array moves when it grows. */
static struct str key_of(const void *entry)
{
	const struct recipient *r = entry;
	return r->address;
}

static bool remember(struct transaction *t, const struct recipient *r)
{
	struct recipient *copy = pool_alloc(t->pool, sizeof(*copy));
	if (copy == NULL)
		return false;
	*copy = *r;
	hash_put(t->seen, copy);
	return true;
}

static bool is_known(struct transaction *t, struct str address)
{
	if (t->seen != NULL)
		return hash_find(t->seen, address) != NULL;
	return t->recipient_count == 1 && str_eq(t->recipients[0].address, address);
}

static bool make_room(struct transaction *t)
{
	if (t->recipient_count < t->recipient_room)
		return true;
	size_t room = t->recipient_room == 0 ? ROOM_FIRST : t->recipient_room * 2;
	struct recipient *more = pool_array(t->pool, room, sizeof(*more));
	if (more == NULL)
		return false;
	if (t->recipient_count > 0)
		memcpy(more, t->recipients, t->recipient_count * sizeof(*more));
	t->recipients = more;
	t->recipient_room = room;
	return true;
}

bool transaction_add(struct transaction *t, const struct recipient *r)
{
	if (is_known(t, r->address))
		return true;
	if (t->recipient_count >= RECIPIENTS_MAX || !make_room(t))
		return false;
	if (t->recipient_count == 1 && t->seen == NULL) {
		t->seen = hash_new(key_of);
		if (!remember(t, &t->recipients[0]))
			return false;
	}
	if (t->seen != NULL && !remember(t, r))
		return false;
	t->recipients[t->recipient_count++] = *r;
	return true;
}

void transaction_cut(struct transaction *t, size_t count)
{
	while (t->recipient_count > count) {
		t->recipient_count--;
		if (t->seen != NULL)
			hash_take(t->seen, t->recipients[t->recipient_count].address);
	}
}
