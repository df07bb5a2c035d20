/* SPDX-License-Identifier: ISC
 *
 * A reason is kept as one text, with the lengths of its parts in front: that is its key. Hosts
 * are at its end, each with its own lengths.
 *
 * Invariant: a slot is a reason with users, or a free one, chained through `next_free`.
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
	struct tried *tried; /* into the text; NULL: none */
	size_t tried_count;
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
	struct reason *r = reason;
	(void)ctx;
	free(r->tried);
	free(r);
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
	return sizeof(*reason) + reason->n + reason->tried_count * sizeof(*reason->tried);
}

struct lengths {
	uint8_t status, mta, tried;
	uint16_t reply, text;
};

struct tried_lengths {
	uint16_t host, said;
};

_Static_assert(ENHANCED_CODE_MAX < 256 && DOMAIN_MAX < 256 && REMOTE_TEXT_MAX < 65536 &&
		   REASON_MAX < 65536 && RELAY_MAX < 65536 && TRIED_MAX < 256,
    "lengths");

enum { TRIED_OCTETS = sizeof(struct tried_lengths) + RELAY_MAX + REASON_MAX };

struct packed {
	size_t n;
	char octets[sizeof(struct lengths) + ENHANCED_CODE_MAX + DOMAIN_MAX + REMOTE_TEXT_MAX +
		    REASON_MAX + TRIED_MAX * TRIED_OCTETS];
};

static void put(struct packed *p, struct str s)
{
	if (s.n > 0)
		memcpy(p->octets + p->n, s.p, s.n);
	p->n += s.n;
}

static void put_tried(struct packed *p, const struct tried *t)
{
	struct str host = str_head(t->host, RELAY_MAX), said = str_head(t->said, REASON_MAX);
	const struct tried_lengths lengths = {(uint16_t)host.n, (uint16_t)said.n};
	put(p, str_from(&lengths, sizeof(lengths)));
	put(p, host);
	put(p, said);
}

static struct str pack(struct packed *p, const struct why *why)
{
	struct str status = str_head(why->status, ENHANCED_CODE_MAX);
	struct str mta = str_head(why->mta, DOMAIN_MAX);
	struct str reply = str_head(why->reply, REMOTE_TEXT_MAX);
	struct str text = str_head(why->text, REASON_MAX);
	size_t tried = why->tried_count < TRIED_MAX ? why->tried_count : TRIED_MAX;
	struct lengths lengths;
	memset(&lengths, 0, sizeof(lengths)); /* padding is part of the key */
	lengths.status = (uint8_t)status.n;
	lengths.mta = (uint8_t)mta.n;
	lengths.tried = (uint8_t)tried;
	lengths.reply = (uint16_t)reply.n;
	lengths.text = (uint16_t)text.n;
	p->n = 0;
	put(p, str_from(&lengths, sizeof(lengths)));
	put(p, status);
	put(p, mta);
	put(p, reply);
	put(p, text);
	for (size_t i = 0; i < tried; i++)
		put_tried(p, &why->tried[i]);
	return str_from(p->octets, p->n);
}

static struct str take(struct str *rest, size_t n)
{
	struct str head = str_head(*rest, n);
	*rest = str_skip(*rest, n);
	return head;
}

static struct lengths take_lengths(struct str *rest)
{
	struct lengths lengths;
	memcpy(&lengths, take(rest, sizeof(lengths)).p, sizeof(lengths));
	return lengths;
}

static void find_tried(struct reason *reason)
{
	struct str rest = key_of(reason);
	struct lengths l = take_lengths(&rest);
	rest = str_skip(rest, (size_t)l.status + l.mta + l.reply + l.text);
	if (l.tried == 0)
		return;
	reason->tried_count = l.tried;
	reason->tried = xreallocarray(NULL, l.tried, sizeof(*reason->tried));
	for (size_t i = 0; i < l.tried; i++) {
		struct tried_lengths t;
		memcpy(&t, take(&rest, sizeof(t)).p, sizeof(t));
		reason->tried[i].host = take(&rest, t.host);
		reason->tried[i].said = take(&rest, t.said);
	}
}

static struct reason *add(struct reasons *r, struct str text)
{
	struct reason *reason = xmalloc(sizeof(*reason) + text.n);
	*reason = (struct reason){.handle = take_slot(r), .n = text.n};
	memcpy(reason->text, text.p, text.n);
	find_tried(reason);
	r->slots[reason->handle].reason = reason;
	r->octets += cost(reason);
	hash_put(r->by_text, reason);
	return reason;
}

/* The more different ones there are, the less is kept of a new one. */
static struct why shortened(const struct reasons *r, const struct why *why)
{
	struct why less = *why;
	if (r->octets > r->octets_max / 2)
		less.tried_count = 0;
	if (r->octets > r->octets_max)
		less = (struct why){.status = why->status,
		    .text = STR("too many different reasons to keep; this one is in the log")};
	return less;
}

uint32_t reasons_get(struct reasons *r, const struct why *why)
{
	struct packed packed;
	if (why->status.n + why->mta.n + why->reply.n + why->text.n + why->tried_count == 0)
		return 0;
	struct reason *reason = hash_find(r->by_text, pack(&packed, why));
	if (reason == NULL) {
		const struct why less = shortened(r, why);
		struct str key = pack(&packed, &less);
		reason = hash_find(r->by_text, key);
		if (reason == NULL)
			reason = add(r, key);
	}
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
	free_reason(reason, NULL);
}

struct why reasons_why(const struct reasons *r, uint32_t handle)
{
	if (handle == 0)
		return (struct why){0};
	const struct reason *reason = r->slots[handle].reason;
	struct str rest = key_of(reason);
	struct lengths lengths = take_lengths(&rest);
	struct why why = {.status = take(&rest, lengths.status)};
	why.mta = take(&rest, lengths.mta);
	why.reply = take(&rest, lengths.reply);
	why.text = take(&rest, lengths.text);
	why.tried = reason->tried;
	why.tried_count = reason->tried_count;
	return why;
}

struct str reasons_text(const struct reasons *r, uint32_t handle)
{
	return reasons_why(r, handle).text;
}

size_t reasons_count(const struct reasons *r)
{
	return hash_count(r->by_text);
}
