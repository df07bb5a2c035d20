/* SPDX-License-Identifier: ISC
 *
 * Invariant: nodes[i]->at == i + 1, and no node is earlier than its parent at
 * (i - 1) / 2. The array grows and shrinks by halves, so that a million waiting
 * messages leave no more slack than they must.
 */
#include "queue/heap.h"
#include "common/mem.h"

#include <stdlib.h>

enum { HEAP_SMALLEST = 64 };

static void resize(struct heap *h, uint32_t cap)
{
	h->nodes = xreallocarray(h->nodes, cap, sizeof(*h->nodes));
	h->cap = cap;
}

static void place(struct heap *h, uint32_t i, struct heap_node *node)
{
	h->nodes[i] = node;
	node->at = i + 1;
}

static void sift_up(struct heap *h, uint32_t i, struct heap_node *node)
{
	while (i > 0 && h->nodes[(i - 1) / 2]->when > node->when) {
		place(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(h, i, node);
}

static void sift_down(struct heap *h, uint32_t i, struct heap_node *node)
{
	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && h->nodes[child + 1]->when < h->nodes[child]->when)
			child++;
		if (h->nodes[child]->when >= node->when)
			break;
		place(h, i, h->nodes[child]);
		i = child;
	}
	place(h, i, node);
}

void heap_add(struct heap *h, struct heap_node *node)
{
	if (h->count == h->cap)
		resize(h, h->cap < HEAP_SMALLEST ? HEAP_SMALLEST : h->cap + h->cap / 2);
	sift_up(h, h->count++, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	uint32_t i = node->at - 1;
	struct heap_node *last = h->nodes[--h->count];
	node->at = 0;
	if (last != node && i > 0 && h->nodes[(i - 1) / 2]->when > last->when)
		sift_up(h, i, last);
	else if (last != node)
		sift_down(h, i, last);
	if (h->cap > HEAP_SMALLEST && h->count < h->cap / 4)
		resize(h, h->cap / 2);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count == 0 ? NULL : h->nodes[0];
}

void heap_reset(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){0};
}
