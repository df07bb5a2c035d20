/* SPDX-License-Identifier: ISC
 *
 * The messages of the active set by id, oldest first. Ids mostly come in order,
 * but large contents and cleaning bring old ones late, so it is a list of sorted
 * leaves rather than one array: about nine octets a message, a binary search to
 * find one, and no insertion moves more than a leaf.
 */
#ifndef POSTERN_QUEUE_INDEX_H
#define POSTERN_QUEUE_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct message;
struct index_leaf;

struct index {
	struct index_leaf **leaves;
	size_t leaf_count;
	size_t leaf_cap;
	size_t count; /* messages */
};

/* The id must not be in it. Borrows the message. */
void index_add(struct index *index, struct message *m);
/* The id must be in it. */
void index_remove(struct index *index, uint64_t id);
/* NULL when there is none. */
struct message *index_find(const struct index *index, uint64_t id);
/* The message with the smallest id above `id`, or NULL. Good across additions and removals. */
struct message *index_after(const struct index *index, uint64_t id);
/* Frees the leaves, not the messages. */
void index_reset(struct index *index);

#endif
