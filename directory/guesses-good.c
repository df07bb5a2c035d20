/* SPDX-License-Identifier: ISC
 *
 * From which networks a login was used lately. Only who has the right password gets an entry.
 */
#include "common/mem.h"
#include "directory/guesses-internal.h"

static struct good_network network_of(const struct guess_source *from)
{
	struct good_network n = {.size = (uint8_t)guess_prefix_size(from, GUESS_NETWORK)};
	memcpy(n.prefix, from->address, n.size);
	return n;
}

static bool is_same_network(const struct good_network *a, const struct good_network *b)
{
	return a->size == b->size && memcmp(a->prefix, b->prefix, a->size) == 0;
}

static bool make_good_key(struct str login, struct guess_key *out)
{
	bool ok = guess_key_make(NULL, login, GUESS_LOGIN, out);
	out->p[0] = KIND_GOOD;
	return ok;
}

/* NULL: it was not used from there lately. */
static struct good_network *find_network(
    struct good *e, const struct good_network *n, uint64_t now_ms)
{
	for (size_t i = 0; i < GUESS_GOOD_NETWORKS; i++) {
		struct good_network *at = &e->networks[i];
		if (at->seen_ms != 0 && is_same_network(at, n) &&
		    now_ms < at->seen_ms + GUESS_GOOD_MS)
			return at;
	}
	return NULL;
}

bool guess_is_good(
    const struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms)
{
	struct guess_key key;
	struct good_network n = network_of(from);
	if (from->shared || !make_good_key(login, &key))
		return false;
	struct good *e = lru_find(g->goods, guess_key_str(&key));
	return e != NULL && find_network(e, &n, now_ms) != NULL;
}

struct good *guess_add_good(struct guesses *g, struct str key)
{
	struct good *e = xcalloc(1, sizeof(*e) + key.n);
	memcpy(e->key, key.p, key.n);
	e->key_size = key.n;
	lru_add(g->goods, e);
	return e;
}

static struct good_network *find_oldest(struct good *e)
{
	struct good_network *oldest = &e->networks[0];
	for (size_t i = 1; i < GUESS_GOOD_NETWORKS; i++)
		if (e->networks[i].seen_ms < oldest->seen_ms)
			oldest = &e->networks[i];
	return oldest;
}

/* The one seen longest ago gives way. */
void guess_remember(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms)
{
	struct guess_key key;
	struct good_network n = network_of(from);
	if (from->shared || !make_good_key(login, &key))
		return;
	struct good *e = lru_find(g->goods, guess_key_str(&key));
	if (e == NULL)
		e = guess_add_good(g, guess_key_str(&key));
	struct good_network *at = find_network(e, &n, now_ms);
	if (at == NULL)
		at = find_oldest(e);
	/* An hour is fine enough for a month, and spares writing at every poll. */
	if (!is_same_network(at, &n) || at->seen_ms / 3600000 != now_ms / 3600000)
		g->changes++;
	*at = n;
	at->seen_ms = now_ms;
	lru_touch(g->goods, e);
}
