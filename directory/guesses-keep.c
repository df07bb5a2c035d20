/* SPDX-License-Identifier: ISC
 *
 * What is known of guesses, for the operator's eyes and for the time after a restart.
 */
#include "common/wire.h"
#include "directory/guesses-internal.h"

#include <arpa/inet.h>
#include <stdio.h>

static void write_name(const struct counter *c, char out[GUESS_NAME_SIZE])
{
	uint8_t address[16] = {0};
	char text[INET6_ADDRSTRLEN] = "";
	size_t n = c->key_size - 1;
	if (c->key[0] == GUESS_LOGIN) {
		memcpy(out, c->key + 1, n);
		out[n] = '\0';
		return;
	}
	memcpy(address, c->key + 1, n);
	inet_ntop(n <= 4 ? AF_INET : AF_INET6, address, text, sizeof(text));
	if (c->key[0] == GUESS_ADDRESS)
		snprintf(out, GUESS_NAME_SIZE, "%s", text);
	else
		snprintf(out, GUESS_NAME_SIZE, "%s/%zu", text, n * 8);
}

void guesses_each(struct guesses *g, uint64_t now_ms, guess_report_fn *fn, void *ctx)
{
	struct counter *c, *before;
	for (c = TAILQ_LAST(&g->by_touch, counter_list); c != NULL; c = before) {
		struct guess_report r;
		before = TAILQ_PREV(c, counter_list, link);
		if (guess_find(g, counter_key(c), now_ms) == NULL)
			continue;
		r = (struct guess_report){.kind = (enum guess_kind)c->key[0],
		    .failures = c->failures,
		    .last_ms = c->last_ms,
		    .refused_until_ms = c->refused_until_ms};
		write_name(c, r.name);
		fn(ctx, &r);
	}
}

/* An address's name stands for its networks, too, or it would stay refused. */
static bool is_meant(const struct counter *c, struct str name, const struct guess_source *from)
{
	char text[GUESS_NAME_SIZE];
	size_t n = c->key_size - 1;
	write_name(c, text);
	if (name.n == 0 || str_caseeq(name, str_from_cstr(text)))
		return true;
	return from->size != 0 && c->key[0] != GUESS_LOGIN &&
	       n == guess_prefix_size(from, (enum guess_kind)c->key[0]) &&
	       memcmp(c->key + 1, from->address, n) == 0;
}

static struct guess_source source_of_name(struct str name)
{
	char text[CLIENT_ADDRESS_MAX + 8];
	bool v6 = str_find(name, ':') < name.n;
	if (name.n == 0 || name.n > INET6_ADDRSTRLEN || str_find(name, '\0') < name.n)
		return (struct guess_source){0};
	int n = snprintf(text, sizeof(text), "[%s%.*s]", v6 ? "IPv6:" : "", STR_ARG(name));
	return guess_source_parse(str_from(text, (size_t)n));
}

size_t guesses_release(struct guesses *g, struct str name)
{
	struct guess_source from = source_of_name(name);
	struct counter *c, *next;
	size_t dropped = 0;
	for (c = TAILQ_FIRST(&g->by_touch); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!is_meant(c, name, &from))
			continue;
		guess_drop(g, c);
		dropped++;
	}
	return dropped;
}

/* ---- for keeping them ---------------------------------------------------------------- */

static bool save_counter(const struct counter *c, struct buf *b, guess_record_fn *fn, void *ctx)
{
	struct wire_writer w = {.buf = b};
	wire_put_u32(&w, c->failures);
	wire_put_u64(&w, c->last_ms);
	wire_put_u64(&w, c->refused_until_ms);
	wire_put_u64(&w, c->login);
	return fn(ctx, counter_key(c), buf_str(b));
}

static bool save_good(const struct good *e, struct buf *b, guess_record_fn *fn, void *ctx)
{
	struct wire_writer w = {.buf = b};
	for (size_t i = 0; i < GUESS_GOOD_NETWORKS; i++) {
		wire_put_u64(&w, e->networks[i].seen_ms);
		wire_put_str(&w, str_from(e->networks[i].prefix, e->networks[i].size), PREFIX_MAX);
	}
	return fn(ctx, good_key(e), buf_str(b));
}

void guesses_save(struct guesses *g, guess_record_fn *fn, void *ctx)
{
	struct buf b = BUF_INIT(VALUE_MAX);
	const struct counter *c;
	const struct good *e;
	bool more = true;
	TAILQ_FOREACH(c, &g->by_touch, link)
	{
		buf_reset(&b);
		more = more && save_counter(c, &b, fn, ctx);
	}
	TAILQ_FOREACH(e, &g->goods_by_touch, link)
	{
		buf_reset(&b);
		more = more && save_good(e, &b, fn, ctx);
	}
	buf_release(&b);
}

static bool is_counter_key(struct str key)
{
	size_t n = key.n - 1;
	switch (key.p[0]) {
	case GUESS_ADDRESS:
		return n == 4 || n == 16;
	case GUESS_NETWORK:
		return n == 3 || n == 8;
	case GUESS_SITE:
		return n == 6;
	default:
		return key.p[0] == GUESS_LOGIN && n > 0 && n <= ADDRESS_MAX;
	}
}

static bool load_counter(struct guesses *g, struct str key, struct wire_reader *r, uint64_t now_ms)
{
	struct counter read = {.failures = wire_get_u32(r),
	    .last_ms = wire_get_u64(r),
	    .refused_until_ms = wire_get_u64(r)};
	read.login = wire_get_u64(r);
	if (!wire_reader_done(r) || hash_find(g->counters, key) != NULL)
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
	if (!wire_reader_done(r) || hash_find(g->goods, key) != NULL)
		return false;
	struct good *e = guess_add_good(g, key);
	memcpy(e->networks, networks, sizeof(networks));
	return true;
}

bool guesses_load(struct guesses *g, struct str key, struct str value, uint64_t now_ms)
{
	struct wire_reader r = {.p = (const uint8_t *)value.p, .n = value.n};
	if (key.n < 2 || key.n > KEY_MAX)
		return false;
	if (key.p[0] == KIND_GOOD)
		return load_good(g, key, &r, now_ms);
	return is_counter_key(key) && load_counter(g, key, &r, now_ms);
}
