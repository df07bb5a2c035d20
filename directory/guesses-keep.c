/* SPDX-License-Identifier: ISC
 *
 * What is known of guesses, for the operator's eyes and for the time after a restart.
 */
#include "common/buf.h"
#include "common/wire.h"
#include "directory/guesses-internal.h"

void guesses_each(struct guesses *g, uint64_t now_ms, guess_report_fn *fn, void *ctx)
{
	struct counter *c, *before;
	for (c = lru_newest(g->counters); c != NULL; c = before) {
		struct guess_report r;
		before = lru_older(c);
		if (guess_find(g, counter_key(c), now_ms) == NULL)
			continue;
		r = (struct guess_report){.kind = (enum guess_kind)c->key[0],
		    .failures = c->failures,
		    .last_ms = c->last_ms,
		    .refused_until_ms = c->refused_until_ms};
		guess_key_format(counter_key(c), r.name);
		fn(ctx, &r);
	}
}

size_t guesses_release(struct guesses *g, struct str name)
{
	struct counter *c, *next;
	size_t dropped = 0;
	for (c = lru_oldest(g->counters); c != NULL; c = next) {
		next = lru_newer(c);
		if (!guess_key_is_meant(counter_key(c), name))
			continue;
		guess_drop(g, c);
		dropped++;
	}
	return dropped;
}

/* ---- for keeping them ---------------------------------------------------------------- */

static bool save_counter(const struct counter *c, struct buf *b, state_record_fn *fn, void *ctx)
{
	struct wire_writer w = {.buf = b};
	wire_put_u32(&w, c->failures);
	wire_put_u64(&w, c->last_ms);
	wire_put_u64(&w, c->refused_until_ms);
	wire_put_u64(&w, c->login);
	return fn(ctx, counter_key(c), buf_str(b));
}

static bool save_good(const struct good *e, struct buf *b, state_record_fn *fn, void *ctx)
{
	struct wire_writer w = {.buf = b};
	for (size_t i = 0; i < GUESS_GOOD_NETWORKS; i++) {
		wire_put_u64(&w, e->networks[i].seen_ms);
		wire_put_str(&w, str_from(e->networks[i].prefix, e->networks[i].size), PREFIX_MAX);
	}
	return fn(ctx, good_key(e), buf_str(b));
}

static void save(void *of, state_record_fn *fn, void *ctx)
{
	const struct guesses *g = of;
	struct buf b = BUF_INIT(VALUE_MAX);
	const struct counter *c;
	const struct good *e;
	bool more = true;
	for (c = lru_oldest(g->counters); c != NULL; c = lru_newer(c)) {
		buf_reset(&b);
		more = more && save_counter(c, &b, fn, ctx);
	}
	for (e = lru_oldest(g->goods); e != NULL; e = lru_newer(e)) {
		buf_reset(&b);
		more = more && save_good(e, &b, fn, ctx);
	}
	buf_release(&b);
}

static bool load_counter(struct guesses *g, struct str key, struct wire_reader *r, uint64_t now_ms)
{
	struct counter read = {.failures = wire_get_u32(r),
	    .last_ms = wire_get_u64(r),
	    .refused_until_ms = wire_get_u64(r)};
	read.login = wire_get_u64(r);
	if (!wire_reader_done(r) || lru_find(g->counters, key) != NULL)
		return false;
	guess_mend_times(g, &read, now_ms);
	struct counter *c = guess_add(g, key);
	c->failures = read.failures < 1000000 ? read.failures : 1000000;
	c->last_ms = read.last_ms;
	c->refused_until_ms = read.refused_until_ms;
	c->login = read.login;
	return true;
}

static bool load_good(struct guesses *g, struct str key, struct wire_reader *r, uint64_t now_ms)
{
	struct good_network networks[GUESS_GOOD_NETWORKS] = {0};
	for (size_t i = 0; i < GUESS_GOOD_NETWORKS; i++) {
		uint64_t seen_ms = wire_get_u64(r);
		struct str prefix = wire_get_str(r, PREFIX_MAX);
		networks[i].seen_ms = seen_ms < now_ms ? seen_ms : now_ms;
		networks[i].size = (uint8_t)prefix.n;
		if (prefix.n > 0)
			memcpy(networks[i].prefix, prefix.p, prefix.n);
	}
	if (!wire_reader_done(r) || lru_find(g->goods, key) != NULL)
		return false;
	struct good *e = guess_add_good(g, key);
	memcpy(e->networks, networks, sizeof(networks));
	return true;
}

static bool load(void *of, struct str key, struct str value, uint64_t now_ms)
{
	struct guesses *g = of;
	struct wire_reader r = {.p = (const uint8_t *)value.p, .n = value.n};
	if (key.n < 2 || key.n > KEY_MAX)
		return false;
	if (key.p[0] == KIND_GOOD)
		return load_good(g, key, &r, now_ms);
	return guess_key_is_sound(key) && load_counter(g, key, &r, now_ms);
}

static uint64_t changes(const void *of)
{
	const struct guesses *g = of;
	return g->changes;
}

const struct state_kept guesses_kept = {.name = "guesses",
    .what = "failed logins",
    .write_ms = 2000,
    .save = save,
    .load = load,
    .changes = changes};
