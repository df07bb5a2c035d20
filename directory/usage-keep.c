/* SPDX-License-Identifier: ISC
 *
 * Counts over a restart: a record of each entry.
 */
#include "common/buf.h"
#include "common/wire.h"
#include "directory/usage-internal.h"

/* More than anybody can send; what is above is no count. */
#define COUNT_MAX ((uint64_t)1000 * 1000 * 1000 * 1000)

static void put_window(struct wire_writer *w, const struct window *window)
{
	wire_put_u64(w, window->start_s);
	wire_put_u64(w, window->now);
	wire_put_u64(w, window->before);
}

static void put_record(struct wire_writer *w, const struct record *e)
{
	put_window(w, &e->hour);
	put_window(w, &e->day);
	wire_put_u64(w, e->told_s);
	wire_put_u8(w, e->telling != TELL_NOT);
	wire_put_u8(w, (uint8_t)e->passed.window);
	wire_put_u8(w, e->passed.held);
	wire_put_u32(w, e->passed.limit);
	wire_put_u64(w, e->passed.token);
	wire_put_u64(w, e->passed.recipients);
	wire_put_u64(w, e->passed.since_s);
	wire_put_u64(w, e->passed.when_s);
	wire_put_count(w, e->client_count, USAGE_CLIENTS);
	for (size_t i = 0; i < e->client_count; i++)
		wire_put_str(w, str_from(e->clients[i].address, e->clients[i].size),
		    sizeof(e->clients[i].address));
}

static void save(void *of, state_record_fn *fn, void *ctx)
{
	const struct usage *u = of;
	struct buf b = BUF_INIT(STATE_VALUE_MAX);
	bool more = true;
	for (const struct entry *e = lru_oldest(u->entries); e != NULL && more; e = lru_newer(e)) {
		struct wire_writer w = {.buf = &b};
		buf_reset(&b);
		put_record(&w, &e->r);
		more = fn(ctx, usage_key_of(e), buf_str(&b));
	}
	buf_release(&b);
}

static struct window get_window(struct wire_reader *r)
{
	struct window w;
	w.start_s = wire_get_u64(r);
	w.now = wire_get_u64(r);
	w.before = wire_get_u64(r);
	r->failed = r->failed || w.now > COUNT_MAX || w.before > COUNT_MAX;
	return w;
}

static void get_clients(struct wire_reader *r, struct record *e)
{
	uint16_t count = wire_get_u16(r);
	r->failed = r->failed || count > USAGE_CLIENTS;
	for (; !r->failed && e->client_count < count; e->client_count++) {
		struct guess_source *c = &e->clients[e->client_count];
		struct str address = wire_get_str(r, sizeof(c->address));
		r->failed = r->failed || (address.n != 4 && address.n != 16);
		if (r->failed)
			return;
		c->size = (uint8_t)address.n;
		memcpy(c->address, address.p, address.n);
	}
}

static bool get_record(struct wire_reader *r, struct record *e)
{
	*e = (struct record){.hour = get_window(r)};
	e->day = get_window(r);
	e->told_s = wire_get_u64(r);
	uint8_t waits = wire_get_u8(r);
	uint8_t window = wire_get_u8(r);
	uint8_t held = wire_get_u8(r);
	e->telling = waits ? TELL_WAITS : TELL_NOT;
	e->passed = (struct usage_passed){.window = (enum usage_window)window, .held = held != 0};
	e->passed.limit = wire_get_u32(r);
	e->passed.token = wire_get_u64(r);
	e->passed.recipients = wire_get_u64(r);
	e->passed.since_s = wire_get_u64(r);
	e->passed.when_s = wire_get_u64(r);
	get_clients(r, e);
	bool sound = window != USAGE_FITS && e->passed.token != 0 && e->passed.token != UINT64_MAX;
	return wire_reader_done(r) && waits <= 1 && held <= 1 && window <= USAGE_DAY &&
	       (waits == 0 || sound);
}

/* Nothing of it counts any more. */
static bool is_over(const struct record *e, uint64_t now_s)
{
	bool counted = now_s < e->day.start_s + 2 * (uint64_t)DAY_S;
	return !counted && e->telling == TELL_NOT && now_s >= e->told_s + DAY_S;
}

static bool load(void *of, struct str key, struct str value, uint64_t now_ms)
{
	struct usage *u = of;
	struct wire_reader r = {.p = (const uint8_t *)value.p, .n = value.n};
	struct record read;
	if (!guess_key_is_sound(key) || key.p[0] == GUESS_SITE ||
	    lru_find(u->entries, key) != NULL || !get_record(&r, &read))
		return false;
	if (is_over(&read, now_ms / 1000))
		return true;
	usage_make(u, key)->r = read;
	return true;
}

static uint64_t changes(const void *of)
{
	const struct usage *u = of;
	return u->changes;
}

const struct state_kept usage_kept = {.name = "usage",
    .what = "what users have sent",
    .write_ms = 10000,
    .save = save,
    .load = load,
    .changes = changes};
