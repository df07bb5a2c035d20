/* SPDX-License-Identifier: ISC
 *
 * Invariant: no leaf is empty; within a leaf and from leaf to leaf ids grow. A
 * full leaf is split in halves, but at the end, where nearly all additions go, a
 * new leaf is begun, so that leaves filled in order stay full. Two neighbours that
 * would fill three quarters of one leaf become one: few survivors of much mail do not
 * keep a leaf each.
 */
#include "queue/index.h"
#include "queue/message.h"
#include "common/mem.h"

#include <stdlib.h>

enum { LEAF_MAX = 510, LEAF_MERGED = 382, LEAVES_FIRST = 16 }; /* a leaf is just under 4 KiB */

struct index_leaf {
	size_t count;
	struct message *messages[LEAF_MAX];
};

/* The last leaf that begins at or before `id`; 0 when none does. */
static size_t leaf_for(const struct index *index, uint64_t id)
{
	size_t low = 0, high = index->leaf_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (index->leaves[middle]->messages[0]->id <= id)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* How many of the leaf's messages have an id below `id`. */
static size_t count_below(const struct index_leaf *leaf, uint64_t id)
{
	size_t low = 0, high = leaf->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (leaf->messages[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct index_leaf *insert_leaf(struct index *index, size_t at)
{
	if (index->leaf_count == index->leaf_cap) {
		index->leaf_cap = index->leaf_cap == 0 ? LEAVES_FIRST : index->leaf_cap * 2;
		index->leaves =
		    xreallocarray(index->leaves, index->leaf_cap, sizeof(*index->leaves));
	}
	memmove(&index->leaves[at + 1], &index->leaves[at],
	    (index->leaf_count - at) * sizeof(*index->leaves));
	index->leaf_count++;
	struct index_leaf *leaf = xmalloc(sizeof(*leaf));
	leaf->count = 0;
	index->leaves[at] = leaf;
	return leaf;
}

/* Makes room in leaf `at` for `id`; returns which leaf takes it. */
static size_t split(struct index *index, size_t at, uint64_t id)
{
	struct index_leaf *leaf = index->leaves[at];
	bool at_end = at + 1 == index->leaf_count && leaf->messages[leaf->count - 1]->id < id;
	struct index_leaf *next = insert_leaf(index, at + 1);
	if (at_end)
		return at + 1;
	next->count = leaf->count / 2;
	leaf->count -= next->count;
	memcpy(next->messages, leaf->messages + leaf->count, next->count * sizeof(*next->messages));
	return next->messages[0]->id <= id ? at + 1 : at;
}

void index_add(struct index *index, struct message *m)
{
	size_t at = leaf_for(index, m->id);
	if (index->leaf_count == 0)
		insert_leaf(index, 0);
	else if (index->leaves[at]->count == LEAF_MAX)
		at = split(index, at, m->id);
	struct index_leaf *leaf = index->leaves[at];
	size_t i = count_below(leaf, m->id);
	memmove(&leaf->messages[i + 1], &leaf->messages[i],
	    (leaf->count - i) * sizeof(*leaf->messages));
	leaf->messages[i] = m;
	leaf->count++;
	index->count++;
}

static void remove_leaf(struct index *index, size_t at)
{
	free(index->leaves[at]);
	index->leaf_count--;
	memmove(&index->leaves[at], &index->leaves[at + 1],
	    (index->leaf_count - at) * sizeof(*index->leaves));
}

static void merge(struct index *index, size_t at)
{
	if (at + 1 >= index->leaf_count)
		return;
	struct index_leaf *leaf = index->leaves[at], *next = index->leaves[at + 1];
	if (leaf->count + next->count > LEAF_MERGED)
		return;
	memcpy(leaf->messages + leaf->count, next->messages, next->count * sizeof(*next->messages));
	leaf->count += next->count;
	remove_leaf(index, at + 1);
}

void index_remove(struct index *index, uint64_t id)
{
	size_t at = leaf_for(index, id);
	if (index->leaf_count == 0)
		abort();
	struct index_leaf *leaf = index->leaves[at];
	size_t i = count_below(leaf, id);
	if (i == leaf->count || leaf->messages[i]->id != id)
		abort(); /* the active set has lost count of its own messages */
	leaf->count--;
	memmove(&leaf->messages[i], &leaf->messages[i + 1],
	    (leaf->count - i) * sizeof(*leaf->messages));
	index->count--;
	if (leaf->count == 0) {
		remove_leaf(index, at);
		return;
	}
	merge(index, at);
	if (at > 0)
		merge(index, at - 1);
}

struct message *index_find(const struct index *index, uint64_t id)
{
	if (index->leaf_count == 0)
		return NULL;
	const struct index_leaf *leaf = index->leaves[leaf_for(index, id)];
	size_t i = count_below(leaf, id);
	return i < leaf->count && leaf->messages[i]->id == id ? leaf->messages[i] : NULL;
}

struct message *index_after(const struct index *index, uint64_t id)
{
	if (index->leaf_count == 0 || id == UINT64_MAX)
		return NULL;
	size_t at = leaf_for(index, id + 1);
	const struct index_leaf *leaf = index->leaves[at];
	size_t i = count_below(leaf, id + 1);
	if (i < leaf->count)
		return leaf->messages[i];
	return at + 1 < index->leaf_count ? index->leaves[at + 1]->messages[0] : NULL;
}

void index_reset(struct index *index)
{
	for (size_t i = 0; i < index->leaf_count; i++)
		free(index->leaves[i]);
	free(index->leaves);
	*index = (struct index){0};
}
