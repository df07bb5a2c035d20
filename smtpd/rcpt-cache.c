/* SPDX-License-Identifier: ISC
 *
 * Each entry is one allocation: itself, its targets, their strings. What is said of
 * another's domain holds for all its addresses, so it is kept once, under "@domain";
 * no address is written so.
 */
#include "smtpd/rcpt-cache.h"
#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>
#include <sys/queue.h>

struct entry {
	TAILQ_ENTRY(entry) used;
	struct str address;
	size_t size;
	uint64_t until_ms;
	enum rcpt_verdict verdict;
	size_t target_count;
	struct target targets[];
};

struct rcpt_cache {
	struct hash *entries;
	TAILQ_HEAD(, entry) used; /* most recently used last */
	size_t octets;
	uint32_t generation;
	struct target elsewhere; /* of the answer last given for another's domain */
};

static struct str key_of(const void *entry)
{
	const struct entry *e = entry;
	return e->address;
}

struct rcpt_cache *rcpt_cache_new(void)
{
	struct rcpt_cache *c = xcalloc(1, sizeof(*c));
	c->entries = hash_new(key_of);
	TAILQ_INIT(&c->used);
	return c;
}

void rcpt_cache_free(struct rcpt_cache *c)
{
	if (c == NULL)
		return;
	rcpt_cache_clear(c);
	hash_free(c->entries);
	free(c);
}

static void drop(struct rcpt_cache *c, struct entry *e)
{
	hash_take(c->entries, e->address);
	TAILQ_REMOVE(&c->used, e, used);
	c->octets -= e->size;
	free(e);
}

void rcpt_cache_clear(struct rcpt_cache *c)
{
	struct entry *e;
	while ((e = TAILQ_FIRST(&c->used)) != NULL)
		drop(c, e);
}

void rcpt_cache_generation(struct rcpt_cache *c, uint32_t generation)
{
	if (generation != c->generation)
		rcpt_cache_clear(c);
	c->generation = generation;
}

/* "@domain" */
static struct str domain_key(struct str address)
{
	size_t at = str_rfind(address, '@');
	return at == address.n ? address : str_skip(address, at);
}

static struct entry *find(struct rcpt_cache *c, struct str key, uint64_t now_ms)
{
	struct entry *e = hash_find(c->entries, key);
	if (e != NULL && now_ms >= e->until_ms) {
		drop(c, e);
		e = NULL;
	}
	if (e == NULL)
		return NULL;
	TAILQ_REMOVE(&c->used, e, used);
	TAILQ_INSERT_TAIL(&c->used, e, used);
	return e;
}

bool rcpt_cache_find(
    struct rcpt_cache *c, struct str address, uint64_t now_ms, struct smtp_rcpt_answer *answer)
{
	struct entry *e = find(c, address, now_ms);
	if (e == NULL)
		e = find(c, domain_key(address), now_ms);
	if (e == NULL)
		return false;
	*answer = (struct smtp_rcpt_answer){
	    .verdict = e->verdict, .targets = e->targets, .target_count = e->target_count};
	if (e->verdict != RCPT_NOT_OURS)
		return true;
	c->elsewhere = e->targets[0];
	c->elsewhere.address = address;
	answer->targets = &c->elsewhere;
	return true;
}

static size_t size_of(struct str address, const struct smtp_rcpt_answer *answer)
{
	size_t n = sizeof(struct entry) + address.n;
	for (size_t i = 0; i < answer->target_count; i++)
		n += sizeof(struct target) + answer->targets[i].address.n +
		     answer->targets[i].nexthop.n;
	return n;
}

static struct str place(char **at, struct str s)
{
	struct str copy = {*at, s.n};
	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return copy;
}

static struct entry *entry_new(
    struct str address, const struct smtp_rcpt_answer *answer, size_t size)
{
	struct entry *e = xmalloc(size);
	char *at = (char *)&e->targets[answer->target_count];
	e->size = size;
	e->address = place(&at, address);
	e->verdict = answer->verdict;
	e->target_count = answer->target_count;
	for (size_t i = 0; i < answer->target_count; i++)
		e->targets[i] = (struct target){
		    .address = place(&at, answer->targets[i].address),
		    .nexthop = place(&at, answer->targets[i].nexthop),
		    .transport = answer->targets[i].transport,
		};
	return e;
}

static bool is_worth_keeping(const struct smtp_rcpt_answer *answer)
{
	return answer->verdict == RCPT_LOCAL || answer->verdict == RCPT_NO_MAILBOX ||
	       (answer->verdict == RCPT_NOT_OURS && answer->target_count == 1);
}

void rcpt_cache_put(struct rcpt_cache *c, struct str address, uint64_t now_ms,
    const struct smtp_rcpt_answer *answer)
{
	if (answer->verdict == RCPT_NOT_OURS)
		address = domain_key(address);
	struct entry *old = hash_find(c->entries, address);
	if (old != NULL)
		drop(c, old);
	size_t size = size_of(address, answer);
	if (!is_worth_keeping(answer) || size > RCPT_CACHE_ENTRY_MAX)
		return;
	while (hash_count(c->entries) >= RCPT_CACHE_ENTRIES || c->octets + size > RCPT_CACHE_OCTETS)
		drop(c, TAILQ_FIRST(&c->used));
	struct entry *e = entry_new(address, answer, size);
	e->until_ms = answer->verdict == RCPT_LOCAL ? UINT64_MAX : now_ms + RCPT_CACHE_NEGATIVE_MS;
	hash_put(c->entries, e);
	TAILQ_INSERT_TAIL(&c->used, e, used);
	c->octets += size;
}

size_t rcpt_cache_count(const struct rcpt_cache *c)
{
	return hash_count(c->entries);
}

size_t rcpt_cache_octets(const struct rcpt_cache *c)
{
	return c->octets;
}
