/* SPDX-License-Identifier: ISC
 *
 * A binary heap of things that happen at a time, the earliest first. The nodes
 * are embedded in what they belong to; the heap owns only its array of pointers,
 * eight octets a node.
 */
#ifndef POSTERN_QUEUE_HEAP_H
#define POSTERN_QUEUE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap_node {
	uint32_t when; /* may be changed only while the node is in no heap */
	uint32_t at;   /* the heap's own: place in the array plus one; 0: in no heap */
};

struct heap {
	struct heap_node **nodes;
	uint32_t count;
	uint32_t cap;
};

static inline bool heap_holds(const struct heap_node *node)
{
	return node->at != 0;
}

/* The node is in no heap yet. */
void heap_add(struct heap *h, struct heap_node *node);
/* The node is in this heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* The earliest, which stays in; NULL when empty. */
struct heap_node *heap_first(const struct heap *h);
/* Frees the array; the nodes are their owners'. */
void heap_reset(struct heap *h);

#endif
