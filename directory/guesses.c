/* SPDX-License-Identifier: ISC
 *
 * Invariant: an entry is in its table's hash and list, the list in the order of the
 * last touch. A key is the kind's octet and what is counted: an address's octets up
 * to the prefix, or the login.
 */
#include "common/mem.h"
#include "directory/guesses-internal.h"

#include <arpa/inet.h>
#include <stdlib.h>

struct guesses *guesses_new(const struct guess_limits *limits)
{
	struct guesses *g = xcalloc(1, sizeof(*g));
	g->limits = *limits;
	g->counters = hash_new(counter_key);
	g->goods = hash_new(good_key);
	TAILQ_INIT(&g->by_touch);
	TAILQ_INIT(&g->goods_by_touch);
	return g;
}

void guess_drop(struct guesses *g, struct counter *c)
{
	hash_take(g->counters, counter_key(c));
	TAILQ_REMOVE(&g->by_touch, c, link);
	free(c);
	g->changes++;
}

void guesses_free(struct guesses *g)
{
	struct counter *c;
	struct good *e;
	if (g == NULL)
		return;
	while ((c = TAILQ_FIRST(&g->by_touch)) != NULL)
		guess_drop(g, c);
	while ((e = TAILQ_FIRST(&g->goods_by_touch)) != NULL)
		guess_drop_good(g, e);
	hash_free(g->counters);
	hash_free(g->goods);
	free(g);
}

void guesses_set_limits(struct guesses *g, const struct guess_limits *limits)
{
	g->limits = *limits;
}

uint64_t guesses_changes(const struct guesses *g)
{
	return g->changes;
}

size_t guesses_count(const struct guesses *g)
{
	return hash_count(g->counters);
}

/* ---- keys ----------------------------------------------------------------------- */

struct guess_source guess_source_parse(struct str client)
{
	struct guess_source s = {0};
	char text[CLIENT_ADDRESS_MAX];
	bool v6 = str_has_prefix(client, STR("[IPv6:"));
	struct str inner = str_skip(client, v6 ? 6 : 1);
	if (client.n < 3 || client.p[0] != '[' || client.p[client.n - 1] != ']' ||
	    inner.n > sizeof(text))
		return s;
	memcpy(text, inner.p, inner.n);
	text[inner.n - 1] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, s.address) == 1)
		s.size = v6 ? 16 : 4;
	return s;
}

size_t guess_prefix_size(const struct guess_source *from, enum guess_kind kind)
{
	static const uint8_t v4[] = {[GUESS_ADDRESS] = 4, [GUESS_NETWORK] = 3, [GUESS_SITE] = 0};
	static const uint8_t v6[] = {[GUESS_ADDRESS] = 16, [GUESS_NETWORK] = 8, [GUESS_SITE] = 6};
	if (from->size == 0)
		return 0;
	return from->size == 4 ? v4[kind] : v6[kind];
}

bool guess_key(
    const struct guess_source *from, struct str login, enum guess_kind kind, struct key *out)
{
	struct str what = str_head(login, ADDRESS_MAX);
	if (kind != GUESS_LOGIN)
		what = str_from(from->address, guess_prefix_size(from, kind));
	if (what.n == 0)
		return false;
	out->p[0] = (uint8_t)kind;
	memcpy(out->p + 1, what.p, what.n);
	out->n = 1 + what.n;
	return true;
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
	if (hash_count(g->counters) >= GUESSES_MAX)
		guess_drop(g, TAILQ_FIRST(&g->by_touch));
	struct counter *c = xcalloc(1, sizeof(*c) + key.n);
	memcpy(c->key, key.p, key.n);
	c->key_size = key.n;
	hash_put(g->counters, c);
	TAILQ_INSERT_TAIL(&g->by_touch, c, link);
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
	struct counter *c = hash_find(g->counters, key);
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
	if (c->failures >= limit_of(g, (enum guess_kind)key.p[0]))
		c->refused_until_ms = now_ms + g->limits.refuse_ms;
	TAILQ_REMOVE(&g->by_touch, c, link);
	TAILQ_INSERT_TAIL(&g->by_touch, c, link);
	g->changes++;
}

/* ---- the questions ---------------------------------------------------------------- */

static bool applies(const struct guesses *g, const struct guess_source *from, struct str login,
    enum guess_kind kind, uint64_t now_ms, struct key *key)
{
	if (!guess_key(from, login, kind, key))
		return false;
	return kind != GUESS_LOGIN || !guess_is_good(g, from, login, now_ms);
}

bool guesses_may_try(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms)
{
	struct key key;
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
	struct key key;
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

/* The address's own counter knows what its client tried last. */
static bool is_repeated(
    struct guesses *g, const struct guess_source *from, uint64_t attempt, uint64_t now_ms)
{
	struct key key;
	if (attempt == 0 || !guess_key(from, STR(""), GUESS_ADDRESS, &key))
		return false;
	struct counter *c = guess_find(g, guess_key_str(&key), now_ms);
	if (c == NULL || c->attempt != attempt)
		return false;
	c->last_ms = now_ms;
	return true;
}

unsigned guesses_failed(struct guesses *g, const struct guess_source *from, struct str login,
    uint64_t attempt, uint64_t now_ms)
{
	struct key key;
	bool repeated = is_repeated(g, from, attempt, now_ms);
	for (int kind = GUESS_ADDRESS; !repeated && kind <= GUESS_LOGIN; kind++)
		if (guess_key(from, login, (enum guess_kind)kind, &key))
			count(g, guess_key_str(&key), hash_login(login), now_ms);
	if (guess_key(from, login, GUESS_ADDRESS, &key)) {
		struct counter *c = guess_find(g, guess_key_str(&key), now_ms);
		if (c != NULL)
			c->attempt = attempt;
	}
	return guesses_delay(g, from, login, now_ms);
}

void guesses_succeeded(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms)
{
	struct key key;
	for (int kind = GUESS_ADDRESS; kind <= GUESS_LOGIN; kind++) {
		if (!guess_key(from, login, (enum guess_kind)kind, &key))
			continue;
		struct counter *c = guess_find(g, guess_key_str(&key), now_ms);
		if (c != NULL && c->login == hash_login(login))
			guess_drop(g, c);
	}
	guess_remember(g, from, login, now_ms);
}
