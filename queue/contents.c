/* SPDX-License-Identifier: ISC */
#include "queue/contents.h"
#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>

struct contents {
	struct hash *by_id;
	struct content *oldest, *newest;
	size_t octets, octets_max;
};

static struct str key_of(const void *content)
{
	const struct content *c = content;
	return str_from(&c->id, sizeof(c->id));
}

struct content *content_new(struct str octets)
{
	struct content *c = xmalloc(sizeof(*c) + octets.n);
	*c = (struct content){.n = octets.n};
	if (octets.n > 0)
		memcpy(c->octets, octets.p, octets.n);
	return c;
}

void content_note_envelope(struct content *c, const struct envelope *envelope,
    const struct recipient *recipients, size_t count)
{
	c->plain = envelope->envid.n == 0 && envelope->ret == RET_NONE;
	c->flags = envelope->flags;
	for (size_t i = 0; i < count && c->plain; i++)
		c->plain = recipients[i].notify == 0 && recipients[i].orcpt.n == 0;
}

void content_free(struct content *c)
{
	free(c);
}

struct contents *contents_new(size_t octets_max)
{
	struct contents *cache = xcalloc(1, sizeof(*cache));
	cache->by_id = hash_new(key_of);
	cache->octets_max = octets_max;
	return cache;
}

static size_t cost(const struct content *c)
{
	return sizeof(*c) + c->n;
}

static void take_out(struct contents *cache, struct content *c)
{
	hash_take(cache->by_id, key_of(c));
	if (c->previous == NULL)
		cache->oldest = c->next;
	else
		c->previous->next = c->next;
	if (c->next == NULL)
		cache->newest = c->previous;
	else
		c->next->previous = c->previous;
	cache->octets -= cost(c);
	content_free(c);
}

void contents_free(struct contents *cache)
{
	if (cache == NULL)
		return;
	while (cache->oldest != NULL)
		take_out(cache, cache->oldest);
	hash_free(cache->by_id);
	free(cache);
}

/* Deliveries begin in the order of arrival, so among fresh contents the older ones are worth
 * more; only the stale ones, whose deliveries do not begin, give way. */
static bool make_room(struct contents *cache, size_t n, uint64_t now)
{
	while (cache->octets + n > cache->octets_max) {
		if (cache->oldest == NULL || cache->oldest->since + CONTENT_STALE_MS > now)
			return false;
		take_out(cache, cache->oldest);
	}
	return true;
}

void contents_put(struct contents *cache, struct content *c, uint64_t id, uint64_t now)
{
	if (!make_room(cache, cost(c), now)) {
		content_free(c);
		return;
	}
	c->id = id;
	c->since = now;
	c->next = NULL;
	c->previous = cache->newest;
	if (cache->newest == NULL)
		cache->oldest = c;
	else
		cache->newest->next = c;
	cache->newest = c;
	cache->octets += cost(c);
	hash_put(cache->by_id, c);
}

const struct content *contents_find(const struct contents *cache, uint64_t id)
{
	return hash_find(cache->by_id, str_from(&id, sizeof(id)));
}

bool contents_get(const struct contents *cache, uint64_t id, struct str *octets)
{
	const struct content *c = contents_find(cache, id);
	if (c == NULL)
		return false;
	*octets = str_from(c->octets, c->n);
	return true;
}

void contents_drop(struct contents *cache, uint64_t id)
{
	struct content *c = hash_find(cache->by_id, str_from(&id, sizeof(id)));
	if (c != NULL)
		take_out(cache, c);
}
