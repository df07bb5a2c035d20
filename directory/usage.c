/* SPDX-License-Identifier: ISC
 *
 * Counts and judgement.
 */
#include "common/mem.h"
#include "directory/usage-internal.h"

#include <stdlib.h>

struct usage *usage_new(void)
{
	struct usage *u = xcalloc(1, sizeof(*u));
	u->entries = lru_new(USAGE_ENTRIES_MAX, usage_key_of, free);
	return u;
}

void usage_free(struct usage *u)
{
	if (u == NULL)
		return;
	lru_free(u->entries);
	free(u);
}

size_t usage_count(const struct usage *u)
{
	return lru_count(u->entries);
}

/* ---- windows ---------------------------------------------------------------------- */

/* A clock that was set back begins anew. */
static void turn(struct window *w, uint64_t length_s, uint64_t now_s)
{
	if (now_s >= w->start_s && now_s - w->start_s < length_s)
		return;
	bool next = now_s >= w->start_s && now_s - w->start_s < 2 * length_s;
	*w = (struct window){
	    .start_s = next ? w->start_s + length_s : now_s, .before = next ? w->now : 0};
}

void usage_turn(struct entry *e, uint64_t now_s)
{
	turn(&e->r.hour, HOUR_S, now_s);
	turn(&e->r.day, DAY_S, now_s);
}

uint64_t usage_sum(const struct entry *e, enum usage_window window, uint64_t now_s)
{
	const struct window *w = window == USAGE_DAY ? &e->r.day : &e->r.hour;
	uint64_t length_s = window == USAGE_DAY ? DAY_S : HOUR_S;
	uint64_t gone = now_s - w->start_s;
	return w->now + w->before * (length_s - gone) / length_s;
}

/* ---- entries ---------------------------------------------------------------------- */

struct entry *usage_find(struct usage *u, struct str key, uint64_t now_s)
{
	struct entry *e = lru_find(u->entries, key);
	if (e == NULL)
		return NULL;
	usage_turn(e, now_s);
	lru_touch(u->entries, e);
	return e;
}

struct entry *usage_make(struct usage *u, struct str key)
{
	struct entry *e = xcalloc(1, sizeof(*e) + key.n);
	e->n = key.n;
	memcpy(e->key, key.p, key.n);
	lru_add(u->entries, e);
	return e;
}

struct entry *usage_get(struct usage *u, struct str key, uint64_t now_s)
{
	struct entry *e = usage_find(u, key, now_s);
	if (e != NULL)
		return e;
	e = usage_make(u, key);
	e->r.hour.start_s = e->r.day.start_s = now_s;
	return e;
}

static bool is_same(const struct guess_source *a, const struct guess_source *b)
{
	return a->size == b->size && memcmp(a->address, b->address, a->size) == 0;
}

/* To the front; the one seen longest ago gives way. An address is its own client. */
void usage_note_client(struct entry *e, const struct guess_source *from)
{
	size_t i = 0;
	if (from->size == 0 || e->key[0] == GUESS_ADDRESS)
		return;
	while (i < e->r.client_count && !is_same(&e->r.clients[i], from))
		i++;
	if (i == USAGE_CLIENTS)
		i--;
	else if (i == e->r.client_count)
		e->r.client_count++;
	memmove(&e->r.clients[1], &e->r.clients[0], i * sizeof(e->r.clients[0]));
	e->r.clients[0] = *from;
	e->r.clients[0].shared = false;
}

/* ---- judgement -------------------------------------------------------------------- */

struct usage_limits usage_limits_of(enum guess_kind kind, const struct conf *conf)
{
	const struct conf_submission *c = &conf->submission;
	if (kind == GUESS_LOGIN)
		return (struct usage_limits){c->recipients_per_hour, c->recipients_per_day};
	return (struct usage_limits){.hour = kind == GUESS_ADDRESS
						 ? c->address_recipients_per_hour
						 : c->network_recipients_per_hour};
}

static bool passes(uint64_t sent, unsigned n, unsigned limit)
{
	return limit > 0 && sent + n > limit;
}

enum usage_window usage_check(
    struct usage *u, struct str key, const struct usage_limits *limits, unsigned n, uint64_t now_s)
{
	const struct entry *e = usage_find(u, key, now_s);
	uint64_t hour = e == NULL ? 0 : usage_sum(e, USAGE_HOUR, now_s);
	uint64_t day = e == NULL ? 0 : usage_sum(e, USAGE_DAY, now_s);
	if (passes(hour, n, limits->hour))
		return USAGE_HOUR;
	return passes(day, n, limits->day) ? USAGE_DAY : USAGE_FITS;
}

void usage_add(
    struct usage *u, struct str key, const struct guess_source *from, unsigned n, uint64_t now_s)
{
	struct entry *e = usage_get(u, key, now_s);
	e->r.hour.now += n;
	e->r.day.now += n;
	usage_note_client(e, from);
	u->changes++;
}
