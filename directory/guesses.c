/* SPDX-License-Identifier: ISC
 *
 * Counters and judgement.
 */
#include "common/mem.h"
#include "directory/guesses-internal.h"

#include <stdlib.h>

struct guesses *guesses_new(const struct guess_limits *limits)
{
	struct guesses *g = xcalloc(1, sizeof(*g));
	g->limits = *limits;
	g->counters = lru_new(GUESSES_MAX, counter_key, free);
	g->goods = lru_new(GUESSES_MAX, good_key, free);
	return g;
}

void guess_drop(struct guesses *g, struct counter *c)
{
	lru_drop(g->counters, c);
	g->changes++;
}

void guesses_free(struct guesses *g)
{
	if (g == NULL)
		return;
	lru_free(g->counters);
	lru_free(g->goods);
	free(g);
}

void guesses_set_limits(struct guesses *g, const struct guess_limits *limits)
{
	g->limits = *limits;
}

size_t guesses_count(const struct guesses *g)
{
	return lru_count(g->counters);
}

uint64_t guesses_refusals(const struct guesses *g)
{
	return g->refusals;
}

static unsigned limit_of(const struct guesses *g, enum guess_kind kind)
{
	static const unsigned factors[] = {[GUESS_ADDRESS] = 1,
	    [GUESS_NETWORK] = GUESS_NETWORK_FACTOR,
	    [GUESS_SITE] = GUESS_SITE_FACTOR};
	return kind == GUESS_LOGIN ? g->limits.login_failures
				   : g->limits.address_failures * factors[kind];
}

/* ---- counters ------------------------------------------------------------------- */

struct counter *guess_add(struct guesses *g, struct str key)
{
	struct counter *c = xcalloc(1, sizeof(*c) + key.n);
	memcpy(c->key, key.p, key.n);
	c->key_size = key.n;
	lru_add(g->counters, c);
	return c;
}

void guess_mend_times(const struct guesses *g, struct counter *c, uint64_t now_ms)
{
	if (c->last_ms > now_ms)
		c->last_ms = now_ms;
	if (c->refused_until_ms > now_ms + g->limits.refuse_ms)
		c->refused_until_ms = now_ms + g->limits.refuse_ms;
}

struct counter *guess_find(struct guesses *g, struct str key, uint64_t now_ms)
{
	struct counter *c = lru_find(g->counters, key);
	if (c == NULL)
		return NULL;
	guess_mend_times(g, c, now_ms);
	if (now_ms >= c->last_ms + g->limits.forget_ms && now_ms >= c->refused_until_ms) {
		guess_drop(g, c);
		return NULL;
	}
	/* Who was refused has half as many tries the next time. */
	if (c->refused_until_ms != 0 && now_ms >= c->refused_until_ms) {
		c->refused_until_ms = 0;
		c->failures = limit_of(g, (enum guess_kind)c->key[0]) / 2;
	}
	return c;
}

/* Never 0. */
static uint64_t hash_login(struct str login)
{
	uint64_t h =
	    0xcbf29ce484222325; /* FNV-1a: kept over restarts, and nobody gains by a clash */
	for (size_t i = 0; i < login.n; i++)
		h = (h ^ (uint8_t)login.p[i]) * 0x100000001b3;
	return h == 0 ? 1 : h;
}

static void count(struct guesses *g, struct str key, uint64_t login, uint64_t now_ms)
{
	struct counter *c = guess_find(g, key, now_ms);
	bool first = c == NULL;
	if (first)
		c = guess_add(g, key);
	c->login = first || c->login == login ? login : 0;
	c->last_ms = now_ms;
	c->failures++;
	if (c->failures >= limit_of(g, (enum guess_kind)key.p[0])) {
		g->refusals += c->refused_until_ms == 0;
		c->refused_until_ms = now_ms + g->limits.refuse_ms;
	}
	lru_touch(g->counters, c);
	g->changes++;
}

/* ---- the questions ---------------------------------------------------------------- */

static bool applies(const struct guesses *g, const struct guess_source *from, struct str login,
    enum guess_kind kind, uint64_t now_ms, struct guess_key *key)
{
	if (!guess_key_make(from, login, kind, key))
		return false;
	return kind != GUESS_LOGIN || !guess_is_good(g, from, login, now_ms);
}

bool guesses_may_try(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms)
{
	struct guess_key key;
	for (int kind = GUESS_ADDRESS; kind <= GUESS_LOGIN; kind++) {
		if (!applies(g, from, login, (enum guess_kind)kind, now_ms, &key))
			continue;
		const struct counter *c = guess_find(g, guess_key_str(&key), now_ms);
		if (c != NULL && c->refused_until_ms != 0)
			return false;
	}
	return true;
}

/* As far as the worst of the counters is on its way to its limit. */
unsigned guesses_delay(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms)
{
	unsigned worst = 1;
	struct guess_key key;
	for (int kind = GUESS_ADDRESS; kind <= GUESS_LOGIN; kind++) {
		if (!applies(g, from, login, (enum guess_kind)kind, now_ms, &key))
			continue;
		const struct counter *c = guess_find(g, guess_key_str(&key), now_ms);
		unsigned limit = limit_of(g, (enum guess_kind)kind);
		unsigned level = c == NULL ? 0 : c->failures * GUESS_DELAY_STEPS / limit;
		worst = level > worst ? level : worst;
	}
	unsigned doublings = worst - 1 < 8 ? worst - 1 : 8;
	unsigned delay = (unsigned)GUESS_DELAY_FIRST_MS << doublings;
	return delay < GUESS_DELAY_MAX_MS ? delay : GUESS_DELAY_MAX_MS;
}

/* The address's own counter knows what its client tried last; of a front end, the login's. */
static struct counter *find_last(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms)
{
	struct guess_key key;
	bool known = guess_key_make(from, login, from->shared ? GUESS_LOGIN : GUESS_ADDRESS, &key);
	return known ? guess_find(g, guess_key_str(&key), now_ms) : NULL;
}

static bool is_repeated(struct guesses *g, const struct guess_source *from, struct str login,
    uint64_t attempt, uint64_t now_ms)
{
	struct counter *c = find_last(g, from, login, now_ms);
	if (attempt == 0)
		return false;
	if (c == NULL || c->attempt != attempt)
		return false;
	c->last_ms = now_ms;
	return true;
}

unsigned guesses_failed(struct guesses *g, const struct guess_source *from, struct str login,
    uint64_t attempt, uint64_t now_ms)
{
	struct guess_key key;
	bool repeated = is_repeated(g, from, login, attempt, now_ms);
	for (int kind = GUESS_ADDRESS; !repeated && kind <= GUESS_LOGIN; kind++)
		if (guess_key_make(from, login, (enum guess_kind)kind, &key))
			count(g, guess_key_str(&key), hash_login(login), now_ms);
	struct counter *last = find_last(g, from, login, now_ms);
	if (last != NULL)
		last->attempt = attempt;
	return guesses_delay(g, from, login, now_ms);
}

void guesses_succeeded(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms)
{
	struct guess_key key;
	for (int kind = GUESS_ADDRESS; kind <= GUESS_LOGIN; kind++) {
		if (!guess_key_make(from, login, (enum guess_kind)kind, &key))
			continue;
		struct counter *c = guess_find(g, guess_key_str(&key), now_ms);
		if (c != NULL && c->login == hash_login(login))
			guess_drop(g, c);
	}
	guess_remember(g, from, login, now_ms);
}
