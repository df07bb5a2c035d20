/* SPDX-License-Identifier: ISC
 *
 * Invariant: a lookup is in `table` and in `list` and has a cookie from when it is asked until
 * its answer comes, whether anybody still waits for it or not. Never: keep a pointer to a
 * lookup over a call of upstream_ask or of `on_answer`, both of which may end it.
 */
#include "resolver/lookups.h"
#include "common/hash.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/slots.h"
#include "resolver/bogus-log.h"
#include "resolver/watchdog.h"

#include <stdlib.h>

struct lookup {
	TAILQ_ENTRY(lookup) link;
	uint32_t cookie;
	struct question question;
	size_t key_n;
	char key[2 + DNS_NAME_MAX]; /* type and name */
	TAILQ_HEAD(, asker) askers;
};

static struct {
	struct upstream *upstream;
	struct hash *table;
	TAILQ_HEAD(, lookup) list;
	struct slots cookies;
	struct pool *pool; /* of the one answer that is being given */
	struct event *timer;
	lookups_answer_fn *answer;
} lookups;

static struct str key_of(const void *entry)
{
	const struct lookup *l = entry;
	return str_from(l->key, l->key_n);
}

static void make_key(struct lookup *l)
{
	l->key[0] = (char)(l->question.type >> 8);
	l->key[1] = (char)(l->question.type & 0xff);
	memcpy(l->key + 2, l->question.name, l->question.n);
	l->key_n = 2 + l->question.n;
}

size_t lookups_count(void)
{
	return hash_count(lookups.table);
}

/* --- Ending --- */

static void detach(struct asker *a)
{
	TAILQ_REMOVE(&a->lookup->askers, a, link);
	a->lookup = NULL;
}

void lookups_forget(struct asker *a)
{
	if (a->lookup != NULL)
		detach(a);
}

/* Off all lists; whoever waits is not told. */
static void take_off(struct lookup *l)
{
	slots_take(&lookups.cookies, l->cookie);
	hash_take(lookups.table, key_of(l));
	TAILQ_REMOVE(&lookups.list, l, link);
	if (TAILQ_EMPTY(&lookups.list))
		loop_timer_stop(lookups.timer);
}

static void tell(struct asker *a, const struct question *q, const struct answer *answer)
{
	detach(a);
	lookups.answer(a, q, answer);
}

static void finish(struct lookup *l, const struct answer *answer)
{
	take_off(l);
	while (!TAILQ_EMPTY(&l->askers))
		tell(TAILQ_FIRST(&l->askers), &l->question, answer);
	free(l);
}

void lookups_on_answer(uint32_t cookie, const struct answer_input *input)
{
	struct lookup *l = slots_get(&lookups.cookies, cookie);
	struct answer answer;
	if (l == NULL)
		return;
	pool_reset(lookups.pool);
	answer_parse(&l->question, input, lookups.pool, &answer);
	if (answer.state == DNS_BOGUS)
		bogus_log(&l->question, answer.why, loop_now_ms());
	finish(l, &answer);
}

/* --- Deadlines --- */

static struct asker *first_late(struct lookup *l, uint64_t now_ms)
{
	struct asker *a;
	TAILQ_FOREACH(a, &l->askers, link)
	if (a->until_ms <= now_ms)
		return a;
	return NULL;
}

static void tell_late(struct lookup *l, uint64_t now_ms)
{
	struct asker *a;
	const struct answer answer =
	    answer_temporary(&l->question, STR("no name server answered in time"));
	while ((a = first_late(l, now_ms)) != NULL)
		tell(a, &l->question, &answer);
}

static void on_tick(void *ctx)
{
	struct lookup *l;
	const uint64_t now_ms = loop_now_ms();
	(void)ctx;
	watchdog_alive();
	TAILQ_FOREACH(l, &lookups.list, link)
	tell_late(l, now_ms);
	if (!TAILQ_EMPTY(&lookups.list))
		loop_timer_start(lookups.timer, LOOKUPS_TICK_MS);
}

/* --- Asking --- */

static void ask_upstream(struct lookup *l)
{
	const uint32_t cookie = l->cookie;
	const struct question q = l->question;
	if (lookups.upstream != NULL && upstream_ask(lookups.upstream, &q, cookie))
		return;
	l = slots_get(&lookups.cookies, cookie);
	const struct answer answer = answer_temporary(&q, STR("it cannot be asked now"));
	if (l != NULL)
		finish(l, &answer);
}

static struct lookup *new_lookup(const struct question *q)
{
	struct lookup *l = xcalloc(1, sizeof(*l));
	l->question = *q;
	make_key(l);
	TAILQ_INIT(&l->askers);
	l->cookie = slots_put(&lookups.cookies, l);
	hash_put(lookups.table, l);
	if (TAILQ_EMPTY(&lookups.list))
		loop_timer_start(lookups.timer, LOOKUPS_TICK_MS);
	TAILQ_INSERT_TAIL(&lookups.list, l, link);
	return l;
}

static void wait_for(struct lookup *l, struct asker *a, uint64_t until_ms)
{
	a->lookup = l;
	a->until_ms = until_ms;
	TAILQ_INSERT_TAIL(&l->askers, a, link);
}

void lookups_ask(const struct question *q, struct asker *a, uint64_t until_ms)
{
	struct lookup probe = {.question = *q};
	make_key(&probe);
	struct lookup *l = hash_find(lookups.table, key_of(&probe));
	watchdog_alive();
	if (l != NULL) {
		wait_for(l, a, until_ms);
		return;
	}
	if (lookups_count() >= LOOKUPS_MAX) {
		const struct answer answer =
		    answer_temporary(q, STR("too many questions are under way"));
		lookups.answer(a, q, &answer);
		return;
	}
	l = new_lookup(q);
	wait_for(l, a, until_ms);
	ask_upstream(l);
}

/* Only those that were there at the start: what handlers ask meanwhile goes to the new one anyway.
 */
static void ask_all_anew(void)
{
	size_t n = lookups_count(), i = 0;
	if (n == 0)
		return;
	uint32_t *cookies = xreallocarray(NULL, n, sizeof(*cookies));
	struct lookup *l;
	TAILQ_FOREACH(l, &lookups.list, link)
	cookies[i++] = l->cookie;
	for (i = 0; i < n; i++)
		if ((l = slots_get(&lookups.cookies, cookies[i])) != NULL)
			ask_upstream(l);
	free(cookies);
}

void lookups_use(struct upstream *fresh)
{
	struct upstream *old = lookups.upstream;
	lookups.upstream = fresh;
	watchdog_alive();
	upstream_free(old);
	ask_all_anew();
}

/* --- All of it --- */

void lookups_start(lookups_answer_fn *answer)
{
	TAILQ_INIT(&lookups.list);
	lookups.table = hash_new(key_of);
	lookups.pool = pool_new(ANSWER_POOL_MAX);
	lookups.timer = loop_timer(on_tick, NULL);
	lookups.answer = answer;
}

static void drop(struct lookup *l)
{
	take_off(l);
	while (!TAILQ_EMPTY(&l->askers))
		detach(TAILQ_FIRST(&l->askers));
	free(l);
}

void lookups_end(void)
{
	upstream_free(lookups.upstream);
	lookups.upstream = NULL;
	while (!TAILQ_EMPTY(&lookups.list))
		drop(TAILQ_FIRST(&lookups.list));
	hash_free(lookups.table);
	pool_free(lookups.pool);
	event_free(lookups.timer);
	slots_free(&lookups.cookies);
	bogus_log_clear();
}
