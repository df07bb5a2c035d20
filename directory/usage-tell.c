/* SPDX-License-Identifier: ISC
 *
 * Of whom the operator is told, and what is shown to him.
 *
 * Waiting entries are looked for in the whole table: that is done when something is taken, a few
 * times in an hour.
 */
#include "directory/usage-internal.h"

/* Since when what counts came, as far as is known. */
static uint64_t since(const struct entry *e, enum usage_window window, uint64_t now_s)
{
	const struct window *w = window == USAGE_DAY ? &e->r.day : &e->r.hour;
	uint64_t length_s = window == USAGE_DAY ? DAY_S : HOUR_S;
	return w->before == 0 ? w->start_s : now_s - length_s;
}

bool usage_pass(struct usage *u, struct str key, const struct guess_source *from,
    const struct usage_passed *passed, unsigned n, uint64_t now_s)
{
	struct entry *e = usage_get(u, key, now_s);
	usage_note_client(e, from);
	if (e->r.told_s != 0 && now_s >= e->r.told_s && now_s - e->r.told_s < DAY_S)
		return false;
	e->r.told_s = now_s;
	e->r.telling = TELL_WAITS;
	e->r.passed = *passed;
	e->r.passed.recipients = usage_sum(e, passed->window, now_s) + n;
	e->r.passed.since_s = since(e, passed->window, now_s);
	e->r.passed.when_s = now_s;
	u->changes++;
	return true;
}

size_t usage_waiting(const struct usage *u)
{
	size_t n = 0;
	for (const struct entry *e = lru_oldest(u->entries); e != NULL; e = lru_newer(e))
		n += e->r.telling == TELL_WAITS;
	return n;
}

static struct usage_report report_of(struct entry *e, uint64_t now_s)
{
	usage_turn(e, now_s);
	struct usage_report r = {.key = usage_key_of(e),
	    .hour = usage_sum(e, USAGE_HOUR, now_s),
	    .day = usage_sum(e, USAGE_DAY, now_s),
	    .told_s = e->r.told_s,
	    .waits = e->r.telling != TELL_NOT,
	    .passed = e->r.passed,
	    .client_count = e->r.client_count};
	memcpy(r.clients, e->r.clients, sizeof(r.clients));
	return r;
}

static struct entry *find_first(const struct usage *u)
{
	struct entry *first = NULL;
	for (struct entry *e = lru_oldest(u->entries); e != NULL; e = lru_newer(e))
		if (e->r.telling == TELL_WAITS &&
		    (first == NULL || e->r.passed.when_s < first->r.passed.when_s))
			first = e;
	return first;
}

size_t usage_take(struct usage *u, bool all, uint64_t now_s, struct usage_report *first)
{
	size_t n = 0;
	struct entry *one = find_first(u);
	if (one == NULL)
		return 0;
	*first = report_of(one, now_s);
	one->r.telling = TELL_TAKEN;
	for (struct entry *e = lru_oldest(u->entries); all && e != NULL; e = lru_newer(e)) {
		n += e->r.telling == TELL_WAITS;
		e->r.telling = e->r.telling == TELL_WAITS ? TELL_TAKEN : e->r.telling;
	}
	return n + 1;
}

void usage_settle(struct usage *u, bool told)
{
	for (struct entry *e = lru_oldest(u->entries); e != NULL; e = lru_newer(e))
		if (e->r.telling == TELL_TAKEN)
			e->r.telling = told ? TELL_NOT : TELL_WAITS;
	u->changes++;
}

void usage_each(struct usage *u, uint64_t now_s, usage_report_fn *fn, void *ctx)
{
	for (struct entry *e = lru_newest(u->entries); e != NULL; e = lru_older(e)) {
		const struct usage_report r = report_of(e, now_s);
		fn(ctx, &r);
	}
}

size_t usage_release(struct usage *u, struct str name)
{
	struct entry *e, *next;
	size_t n = 0;
	for (e = lru_oldest(u->entries); e != NULL; e = next) {
		next = lru_newer(e);
		if (!guess_key_is_meant(usage_key_of(e), name))
			continue;
		lru_drop(u->entries, e);
		n++;
	}
	u->changes += n;
	return n;
}
