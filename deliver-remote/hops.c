/* SPDX-License-Identifier: ISC
 *
 * Invariants: an entry is in `by_nexthop`, and in `pending` and `by_cookie` as well as long as its
 * hop is NULL; only then it has queries. `pending` is in the order of asking, so the first one is
 * due first.
 */
#include "deliver-remote/hops.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { HOP_SIZE_MAX = 64 * 1024 };

struct hop_entry {
	TAILQ_ENTRY(hop_entry) link;
	TAILQ_HEAD(, hop_query) queries;
	uint32_t cookie;
	uint64_t until_ms;
	struct hop *hop; /* NULL: asked */
	bool settling;	 /* its queries are being answered */
	char *nexthop;
	size_t nexthop_n;
};

static struct channel *channel; /* NULL: directory is away */
static struct hash *by_nexthop, *by_cookie;
static TAILQ_HEAD(, hop_entry) pending = TAILQ_HEAD_INITIALIZER(pending);
static uint32_t last_cookie;
static hop_answer_fn *on_answer;
static void (*on_changed)(void);

/* ---- one hop --------------------------------------------------------------- */

struct hop *hop_hold(struct hop *hop)
{
	hop->holders++;
	return hop;
}

void hop_release(struct hop *hop)
{
	if (hop == NULL || --hop->holders > 0)
		return;
	if (hop->password.n > 0)
		OPENSSL_cleanse((char *)(uintptr_t)hop->password.p, hop->password.n);
	pool_free(hop->pool);
	free(hop);
}

static struct hop *hop_new(struct str nexthop)
{
	struct hop *hop = xcalloc(1, sizeof(*hop));
	hop->holders = 1;
	TAILQ_INIT(&hop->idle);
	hop->pool = pool_new(HOP_SIZE_MAX);
	if (!pool_copy(hop->pool, nexthop, &hop->nexthop))
		log_fatal(111, "no room for a nexthop");
	return hop;
}

static struct hop *hop_temporary(struct str nexthop, struct str text)
{
	struct hop *hop = hop_new(nexthop);
	hop->verdict = HOP_TEMPORARY;
	hop->stale = true;
	pool_copy(hop->pool, text, &hop->text);
	return hop;
}

static bool copy_lists(struct hop *hop, const struct msg_hop_answer *m)
{
	bool ok = true;
	hop->name_count = m->names_count;
	hop->fingerprint_count = m->fingerprints_count;
	hop->names = pool_array(hop->pool, m->names_count + 1, sizeof(*hop->names));
	hop->fingerprints =
	    pool_array(hop->pool, m->fingerprints_count + 1, sizeof(*hop->fingerprints));
	if (hop->names == NULL || hop->fingerprints == NULL)
		return false;
	for (size_t i = 0; i < m->names_count; i++)
		ok = ok && pool_copy(hop->pool, m->names[i].name, &hop->names[i].name);
	for (size_t i = 0; i < m->fingerprints_count; i++)
		ok = ok &&
		     pool_copy(hop->pool, m->fingerprints[i].sha256, &hop->fingerprints[i].sha256);
	return ok;
}

/* What an answer says; NULL when it is no valid one. */
static struct hop *hop_from_answer(struct str nexthop, const struct msg_hop_answer *m)
{
	struct hop *hop = hop_new(nexthop);
	struct str target;
	hop->verdict = (enum hop_verdict)m->verdict;
	hop->tls = (enum tls_policy)m->tls;
	hop->implicit_tls = m->implicit_tls != 0;
	bool ok = pool_copy(hop->pool, m->text, &hop->text) &&
		  pool_copy(hop->pool, m->target, &target) &&
		  pool_copy(hop->pool, m->login, &hop->login) &&
		  pool_copy(hop->pool, m->password, &hop->password) &&
		  pool_copy(hop->pool, m->certificate, &hop->certificate) && copy_lists(hop, m);
	if (ok && hop->verdict == HOP_OK)
		ok = hop->tls >= TLS_NONE && hop->tls <= TLS_FINGERPRINT &&
		     nexthop_parse(target, &hop->target) && hop->target.kind != NEXTHOP_RELAY;
	if (ok)
		return hop;
	hop_release(hop);
	return NULL;
}

/* ---- entries ----------------------------------------------------------------- */

static struct str nexthop_of(const void *entry)
{
	const struct hop_entry *e = entry;
	return str_from(e->nexthop, e->nexthop_n);
}

static struct str cookie_of(const void *entry)
{
	const struct hop_entry *e = entry;
	return str_from(&e->cookie, sizeof(e->cookie));
}

static void free_entry(struct hop_entry *e)
{
	hash_take(by_nexthop, nexthop_of(e));
	if (e->hop == NULL) {
		hash_take(by_cookie, cookie_of(e));
		TAILQ_REMOVE(&pending, e, link);
	} else {
		e->hop->stale = true;
		hop_release(e->hop);
	}
	free(e->nexthop);
	free(e);
}

struct known {
	struct hop_entry **list;
	size_t count;
};

static void collect_known(void *entry, void *ctx)
{
	struct hop_entry *e = entry;
	struct known *known = ctx;
	if (e->hop != NULL && !e->settling)
		known->list[known->count++] = e;
}

/* Forgets all answers, and no question. */
static void clear_known(void)
{
	struct known known = {xcalloc(hash_count(by_nexthop) + 1, sizeof(*known.list)), 0};
	hash_each(by_nexthop, collect_known, &known);
	for (size_t i = 0; i < known.count; i++)
		free_entry(known.list[i]);
	free(known.list);
	if (known.count > 0)
		on_changed();
}

static void send_query(const struct hop_entry *e)
{
	const struct msg_hop_query m = {.cookie = e->cookie, .nexthop = nexthop_of(e)};
	if (channel != NULL)
		msg_hop_query_send(channel, &m, NULL);
}

static struct hop_entry *new_entry(struct str nexthop)
{
	struct hop_entry *e = xcalloc(1, sizeof(*e));
	TAILQ_INIT(&e->queries);
	e->nexthop = str_dup(nexthop);
	e->nexthop_n = nexthop.n;
	e->cookie = ++last_cookie;
	e->until_ms = loop_now_ms() + HOPS_TIMEOUT_MS;
	hash_put(by_nexthop, e);
	hash_put(by_cookie, e);
	TAILQ_INSERT_TAIL(&pending, e, link);
	send_query(e);
	return e;
}

/* Answers all who wait for it. Their callbacks may ask again, even for the same nexthop. */
static void settle(struct hop_entry *e, struct hop *hop)
{
	struct hop_query *q;
	hash_take(by_cookie, cookie_of(e));
	TAILQ_REMOVE(&pending, e, link);
	e->hop = hop;
	e->settling = true;
	while ((q = TAILQ_FIRST(&e->queries)) != NULL) {
		hops_forget(q);
		on_answer(q, hop_hold(hop));
	}
	e->settling = false;
	if (hop->verdict == HOP_TEMPORARY)
		free_entry(e);
}

/* ---- asking ------------------------------------------------------------------ */

/* What queue has from a program that was taken over is no reason for directory to drop us. */
static struct hop *hop_impossible(struct str nexthop)
{
	struct hop *hop = hop_new(nexthop);
	hop->verdict = HOP_REFUSED;
	hop->stale = true;
	pool_copy(hop->pool, STR("its nexthop is none that could be"), &hop->text);
	return hop;
}

struct hop *hops_ask(struct hop_query *q, struct str nexthop)
{
	struct nexthop parsed;
	struct hop_entry *e = hash_find(by_nexthop, nexthop);
	if (e != NULL && e->hop != NULL)
		return hop_hold(e->hop);
	if (e == NULL) {
		if (!nexthop_parse(nexthop, &parsed))
			return hop_impossible(nexthop);
		if (hash_count(by_nexthop) >= HOPS_CACHE_MAX)
			clear_known();
		e = new_entry(nexthop);
	}
	q->entry = e;
	TAILQ_INSERT_TAIL(&e->queries, q, link);
	return NULL;
}

void hops_forget(struct hop_query *q)
{
	if (q->entry == NULL)
		return;
	TAILQ_REMOVE(&q->entry->queries, q, link);
	q->entry = NULL;
}

void hops_tick(uint64_t now_ms)
{
	struct hop_entry *e;
	while ((e = TAILQ_FIRST(&pending)) != NULL && e->until_ms <= now_ms)
		settle(e, hop_temporary(nexthop_of(e), channel == NULL
							   ? STR("directory is away")
							   : STR("directory does not answer")));
}

/* ---- what directory says ------------------------------------------------------- */

static bool on_hop_answer(void *ctx, const struct msg_hop_answer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	if (m->verdict < HOP_OK || m->verdict > HOP_TEMPORARY)
		return false;
	struct hop_entry *e = hash_find(by_cookie, str_from(&m->cookie, sizeof(m->cookie)));
	if (e == NULL)
		return true;
	struct hop *hop = hop_from_answer(nexthop_of(e), m);
	if (hop == NULL)
		return false;
	settle(e, hop);
	return true;
}

static bool on_hops_changed(void *ctx, const struct msg_hops_changed *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	clear_known();
	return true;
}

static const struct remote_directory_client_handlers handlers = {
    .hop_answer = on_hop_answer,
    .hops_changed = on_hops_changed,
};

static void on_closed(void *ctx, struct channel *ch, const char *why)
{
	(void)ctx;
	log_message(LOG_WARNING, "directory is away: %s", why);
	channel_free(ch);
	channel = NULL;
}

/* ---- coming and going ------------------------------------------------------------ */

void hops_init(hop_answer_fn *answer, void (*changed)(void))
{
	by_nexthop = hash_new(nexthop_of);
	by_cookie = hash_new(cookie_of);
	on_answer = answer;
	on_changed = changed;
}

/* Another directory may have read other tables. */
void hops_connect(int fd)
{
	struct hop_entry *e;
	channel_free(channel);
	channel = channel_new(fd, &remote_directory_client, &handlers, NULL, on_closed);
	clear_known();
	TAILQ_FOREACH(e, &pending, link)
	send_query(e);
}

void hops_free(void)
{
	struct hop_entry *e;
	channel_free(channel);
	channel = NULL;
	clear_known();
	while ((e = TAILQ_FIRST(&pending)) != NULL)
		free_entry(e);
	hash_free(by_nexthop);
	hash_free(by_cookie);
}
