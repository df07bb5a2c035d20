/* SPDX-License-Identifier: ISC
 *
 * The turns of a destination's senders.
 *
 * Invariant: a turn exists exactly while it has jobs; it is in the ring of its
 * destination and in the table. The ring is singly linked and known by its last
 * element, so that all work happens at its front.
 */
#include "queue/destination.h"
#include "common/mem.h"

#include <stdlib.h>

struct turn_key {
	const struct destination *to;
	uint64_t sender;
};

struct turn {
	struct turn_key key; /* first */
	struct turn *next;
	struct job *first, *last;
};

static struct str key_of(const void *turn)
{
	return str_from(turn, sizeof(struct turn_key));
}

struct hash *turns_new(void)
{
	return hash_new(key_of);
}

static void free_turn(void *turn, void *ctx)
{
	(void)ctx;
	free(turn);
}

void turns_free(struct hash *turns)
{
	hash_each(turns, free_turn, NULL);
	hash_free(turns);
}

static struct turn *turn_new(struct destination *d, struct hash *turns, struct turn_key key)
{
	struct turn *t = xcalloc(1, sizeof(*t));
	t->key = key;
	hash_put(turns, t);
	if (d->last == NULL) {
		t->next = t;
	} else {
		t->next = d->last->next;
		d->last->next = t;
	}
	d->last = t;
	return t;
}

void destination_push(struct destination *d, struct hash *turns, struct job *job)
{
	const struct turn_key key = {.to = d, .sender = job->sender};
	struct turn *t = hash_find(turns, str_from(&key, sizeof(key)));
	if (t == NULL)
		t = turn_new(d, turns, key);
	job->next = NULL;
	if (t->first == NULL)
		t->first = job;
	else
		t->last->next = job;
	t->last = job;
}

struct job *destination_first(const struct destination *d)
{
	return d->last == NULL ? NULL : d->last->next->first;
}

/* `before` is in front of the turn in the ring. */
static void drop_turn(struct destination *d, struct hash *turns, struct turn *before)
{
	struct turn *t = before->next;
	if (before == t) {
		d->last = NULL;
	} else {
		before->next = t->next;
		if (d->last == t)
			d->last = before;
	}
	hash_take(turns, key_of(t));
	free(t);
}

void destination_rotate(struct destination *d, struct hash *turns, bool more)
{
	struct turn *t = d->last->next;
	if (!more) {
		struct job *job = t->first;
		t->first = job->next;
		job->next = NULL;
	}
	if (t->first != NULL)
		d->last = t;
	else
		drop_turn(d, turns, d->last);
}

static struct turn *turn_before(const struct turn *t)
{
	struct turn *before = t->next;
	while (before->next != t)
		before = before->next;
	return before;
}

void destination_withdraw(struct destination *d, struct hash *turns, struct job *job)
{
	const struct turn_key key = {.to = d, .sender = job->sender};
	struct turn *t = hash_find(turns, str_from(&key, sizeof(key)));
	struct job **at = &t->first, *previous = NULL;
	for (; *at != job; at = &previous->next)
		previous = *at;
	*at = job->next;
	job->next = NULL;
	if (t->last == job)
		t->last = previous;
	if (t->first == NULL)
		drop_turn(d, turns, turn_before(t));
}
