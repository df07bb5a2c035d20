/* SPDX-License-Identifier: ISC
 *
 * Invariant: list[h] is NULL or a text with users; the free handles are chained
 * through `next_free`.
 */
#include "queue/reasons.h"
#include "common/hash.h"
#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>

struct reason {
	uint32_t users;
	uint32_t handle;
	size_t n;
	char text[];
};

union slot {
	struct reason *reason;
	uintptr_t next_free; /* while not in use */
};

struct reasons {
	struct hash *by_text;
	union slot *slots; /* [0] is not used */
	uint32_t count, cap;
	uintptr_t first_free; /* 0: none */
	size_t octets, octets_max;
};

static struct str key_of(const void *reason)
{
	const struct reason *r = reason;
	return str_from(r->text, r->n);
}

struct reasons *reasons_new(size_t octets_max)
{
	struct reasons *r = xcalloc(1, sizeof(*r));
	r->by_text = hash_new(key_of);
	r->octets_max = octets_max;
	r->count = 1;
	return r;
}

static void free_reason(void *reason, void *ctx)
{
	(void)ctx;
	free(reason);
}

void reasons_free(struct reasons *r)
{
	if (r == NULL)
		return;
	hash_each(r->by_text, free_reason, NULL);
	hash_free(r->by_text);
	free(r->slots);
	free(r);
}

static uint32_t take_slot(struct reasons *r)
{
	uint32_t handle = (uint32_t)r->first_free;
	if (handle != 0) {
		r->first_free = r->slots[handle].next_free;
		return handle;
	}
	if (r->count >= r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->slots = xreallocarray(r->slots, r->cap, sizeof(*r->slots));
	}
	return r->count++;
}

static size_t cost(const struct reason *reason)
{
	return sizeof(*reason) + reason->n;
}

static struct reason *add(struct reasons *r, struct str text)
{
	struct reason *reason = xmalloc(sizeof(*reason) + text.n);
	*reason = (struct reason){.handle = take_slot(r), .n = text.n};
	memcpy(reason->text, text.p, text.n);
	r->slots[reason->handle].reason = reason;
	r->octets += cost(reason);
	hash_put(r->by_text, reason);
	return reason;
}

uint32_t reasons_get(struct reasons *r, struct str text)
{
	text = str_head(text, REASON_MAX);
	if (text.n == 0)
		return 0;
	struct reason *reason = hash_find(r->by_text, text);
	if (reason == NULL && r->octets > r->octets_max) {
		text = STR("too many different reasons to keep; this one is in the log");
		reason = hash_find(r->by_text, text);
	}
	if (reason == NULL)
		reason = add(r, text);
	reason->users++;
	return reason->handle;
}

void reasons_put(struct reasons *r, uint32_t handle)
{
	if (handle == 0)
		return;
	struct reason *reason = r->slots[handle].reason;
	if (--reason->users > 0)
		return;
	hash_take(r->by_text, key_of(reason));
	r->octets -= cost(reason);
	r->slots[handle].next_free = r->first_free;
	r->first_free = handle;
	free(reason);
}

struct str reasons_text(const struct reasons *r, uint32_t handle)
{
	return handle == 0 ? (struct str){NULL, 0} : key_of(r->slots[handle].reason);
}

size_t reasons_count(const struct reasons *r)
{
	return hash_count(r->by_text);
}
