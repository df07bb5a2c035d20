/* SPDX-License-Identifier: ISC
 *
 * Invariant: every entry is in `by_key` and in `order`, which begins with the one that was
 * touched longest ago.
 */
#include "directory/usage.h"
#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>
#include <sys/queue.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };

/* Two windows side by side; what lies before them counts no more. */
struct window {
	uint64_t start_s;
	uint64_t now, before;
};

struct entry {
	TAILQ_ENTRY(entry) link;
	struct window hour, day;
	uint64_t told_s; /* 0: never */
	size_t n;
	char key[];
};

TAILQ_HEAD(entries, entry);

struct usage {
	struct hash *by_key;
	struct entries order;
};

static struct str key_of(const void *entry)
{
	const struct entry *e = entry;
	return str_from(e->key, e->n);
}

struct usage *usage_new(void)
{
	struct usage *u = xcalloc(1, sizeof(*u));
	u->by_key = hash_new(key_of);
	TAILQ_INIT(&u->order);
	return u;
}

static void drop(struct usage *u, struct entry *e)
{
	TAILQ_REMOVE(&u->order, e, link);
	hash_take(u->by_key, key_of(e));
	free(e);
}

void usage_free(struct usage *u)
{
	if (u == NULL)
		return;
	while (!TAILQ_EMPTY(&u->order))
		drop(u, TAILQ_FIRST(&u->order));
	hash_free(u->by_key);
	free(u);
}

size_t usage_count(const struct usage *u)
{
	return hash_count(u->by_key);
}

/* A clock that was set back begins anew. */
static void turn(struct window *w, uint64_t length_s, uint64_t now_s)
{
	if (now_s >= w->start_s && now_s - w->start_s < length_s)
		return;
	bool next = now_s >= w->start_s && now_s - w->start_s < 2 * length_s;
	*w = (struct window){
	    .start_s = next ? w->start_s + length_s : now_s, .before = next ? w->now : 0};
}

static uint64_t sum(const struct window *w, uint64_t length_s, uint64_t now_s)
{
	uint64_t gone = now_s - w->start_s;
	return w->now + w->before * (length_s - gone) / length_s;
}

/* NULL when nothing is known of the key. */
static struct entry *find(struct usage *u, struct str key, uint64_t now_s)
{
	struct entry *e = hash_find(u->by_key, key);
	if (e == NULL)
		return NULL;
	turn(&e->hour, HOUR_S, now_s);
	turn(&e->day, DAY_S, now_s);
	TAILQ_REMOVE(&u->order, e, link);
	TAILQ_INSERT_TAIL(&u->order, e, link);
	return e;
}

static bool passes(uint64_t sent, unsigned n, unsigned limit)
{
	return limit > 0 && sent + n > limit;
}

enum usage_window usage_check(
    struct usage *u, struct str key, const struct usage_limits *limits, unsigned n, uint64_t now_s)
{
	const struct entry *e = find(u, key, now_s);
	uint64_t hour = e == NULL ? 0 : sum(&e->hour, HOUR_S, now_s);
	uint64_t day = e == NULL ? 0 : sum(&e->day, DAY_S, now_s);
	if (passes(hour, n, limits->hour))
		return USAGE_HOUR;
	return passes(day, n, limits->day) ? USAGE_DAY : USAGE_FITS;
}

static struct entry *make(struct usage *u, struct str key, uint64_t now_s)
{
	struct entry *e = find(u, key, now_s);
	if (e != NULL)
		return e;
	if (hash_count(u->by_key) >= USAGE_ENTRIES_MAX)
		drop(u, TAILQ_FIRST(&u->order));
	e = xcalloc(1, sizeof(*e) + key.n);
	e->n = key.n;
	memcpy(e->key, key.p, key.n);
	e->hour.start_s = e->day.start_s = now_s;
	hash_put(u->by_key, e);
	TAILQ_INSERT_TAIL(&u->order, e, link);
	return e;
}

bool usage_is_news(struct usage *u, struct str key, uint64_t now_s)
{
	struct entry *e = make(u, key, now_s);
	if (e->told_s != 0 && now_s >= e->told_s && now_s - e->told_s < DAY_S)
		return false;
	e->told_s = now_s;
	return true;
}

void usage_add(struct usage *u, struct str key, unsigned n, uint64_t now_s)
{
	struct entry *e = make(u, key, now_s);
	e->hour.now += n;
	e->day.now += n;
}
