/* SPDX-License-Identifier: ISC
 *
 * Invariant: a slot in force is the only one of its certificate that is; an id is given
 * once.
 */
#include "keys/vault.h"
#include "common/buf.h"
#include "common/loop.h"
#include "common/mem.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

struct slot {
	SLIST_ENTRY(slot) link;
	uint32_t id;
	char *name, *chain, *key; /* of the configuration */
	struct pair pair;
	struct pair early; /* what came since, and is not valid yet; no chain: nothing */
	bool for_servers, for_clients;
	uint64_t gone_ms; /* since when it is not in force; 0: it is */
};

static SLIST_HEAD(, slot) slots = SLIST_HEAD_INITIALIZER(slots);
static uint32_t last_id;

static bool is_of(const struct slot *s, const struct conf_certificate *c)
{
	return s->gone_ms == 0 && strcmp(s->name, c->name) == 0 &&
	       strcmp(s->chain, c->chain) == 0 && strcmp(s->key, c->key) == 0;
}

static struct slot *in_force(const struct conf_certificate *c)
{
	struct slot *s;
	SLIST_FOREACH(s, &slots, link)
	if (is_of(s, c))
		return s;
	return NULL;
}

static void retire(struct slot *s, uint64_t now_ms)
{
	s->gone_ms = now_ms == 0 ? 1 : now_ms;
}

static void free_slot(struct slot *s)
{
	pair_reset(&s->pair);
	pair_reset(&s->early);
	free(s->name);
	free(s->chain);
	free(s->key);
	free(s);
}

/* ---- taking a pair ---------------------------------------------------------------- */

/* NULL, or why not. */
static const char *read_file(int fd, struct buf *text)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "it is no file";
	if (st.st_size > PAIR_TEXT_MAX)
		return "it has more than 256 KiB";
	/* All at once: a buffer that grows leaves what was in it behind. */
	buf_reserve(text, (size_t)st.st_size + 4096);
	for (;;) {
		uint8_t *to = buf_reserve(text, 4096);
		ssize_t n = to == NULL ? -1 : pread(fd, to, 4096, (off_t)buf_len(text));
		if (n < 0)
			return to == NULL ? "it has more than 256 KiB" : "it cannot be read";
		if (n == 0)
			return NULL;
		buf_commit(text, (size_t)n);
	}
}

static void say(struct key_verdict *verdict, int level, const struct conf_certificate *c,
    const char *path, const char *why, const char *consequence)
{
	snprintf(verdict->text, sizeof(verdict->text), "certificate %s: %s: %s%s", c->name, path,
	    why, consequence);
	log_message(level, "%s", verdict->text);
}

static void complain(const struct conf_certificate *c, enum pair_file file, const char *why,
    struct key_verdict *verdict)
{
	verdict->refused = true;
	say(verdict, LOG_ERR, c, file == PAIR_CHAIN ? c->chain : c->key, why,
	    in_force(c) == NULL ? "; it is not used" : "; the one before stays in use");
}

static int64_t wall_seconds(void)
{
	return (int64_t)(loop_wall_ms() / 1000);
}

static bool load(const struct conf_certificate *c, int chain, int key, struct pair *pair,
    struct key_verdict *verdict)
{
	struct buf chain_text = BUF_INIT(PAIR_TEXT_MAX + 8192);
	struct buf key_text = BUF_INIT(PAIR_TEXT_MAX + 8192);
	struct pair_fault fault = {.file = PAIR_CHAIN};
	bool ok = false;
	const char *why = read_file(chain, &chain_text);
	if (why == NULL) {
		fault.file = PAIR_KEY;
		why = read_file(key, &key_text);
	}
	if (why == NULL) {
		ok = pair_parse(
		    buf_str(&chain_text), buf_str(&key_text), wall_seconds(), pair, &fault);
		why = fault.why;
	}
	if (!ok)
		complain(c, fault.file, why, verdict);
	OPENSSL_cleanse(key_text.p, key_text.cap);
	buf_release(&key_text);
	buf_release(&chain_text);
	return ok;
}

/* The key belongs to the leaf, so it is the same one when the leaf is. */
static bool is_same(const struct pair *a, const struct pair *b)
{
	int n = sk_X509_num(a->chain);
	if (n != sk_X509_num(b->chain))
		return false;
	for (int i = 0; i < n; i++)
		if (X509_cmp(sk_X509_value(a->chain, i), sk_X509_value(b->chain, i)) != 0)
			return false;
	return true;
}

/* Of the same certificate as `like`, and for the same. */
static void add(const struct slot *like, const struct pair *pair)
{
	struct slot *s = xcalloc(1, sizeof(*s));
	*s = (struct slot){.id = ++last_id,
	    .name = xstrdup(like->name),
	    .chain = xstrdup(like->chain),
	    .key = xstrdup(like->key),
	    .pair = *pair,
	    .for_servers = like->for_servers,
	    .for_clients = like->for_clients};
	SLIST_INSERT_HEAD(&slots, s, link);
	log_message(LOG_INFO, "certificate %s: %s is in use", s->name, s->chain);
}

/* False: clients think better of the one that is there, which stays. What is only early has its
 * turn when its time has come (vault_tick). */
static bool may_follow(const struct conf_certificate *c, struct slot *old, struct pair *pair,
    struct key_verdict *verdict)
{
	int64_t now = wall_seconds();
	enum pair_time time = pair_time(pair, now);
	bool stays = time != PAIR_IN_TIME && old != NULL && pair_time(&old->pair, now) == PAIR_IN_TIME;
	if (!stays)
		return true;
	if (time == PAIR_EARLY)
		old->early = *pair;
	else
		pair_reset(pair);
	verdict->refused = true;
	say(verdict, LOG_ERR, c, c->chain, pair_time_text(time),
	    time == PAIR_EARLY ? "; the one before stays in use until then"
			       : "; the one before stays in use");
	return false;
}

static void warn_of_time(
    const struct conf_certificate *c, const struct pair *pair, struct key_verdict *verdict)
{
	enum pair_time time = pair_time(pair, wall_seconds());
	if (time != PAIR_IN_TIME)
		say(verdict, LOG_WARNING, c, c->chain, pair_time_text(time), "");
}

static bool take(const struct conf_certificate *c, int chain, int key, uint64_t now_ms,
    struct key_verdict *verdict)
{
	const struct slot like = {.name = c->name,
	    .chain = c->chain,
	    .key = c->key,
	    .for_servers = !c->client_only,
	    .for_clients = c->is_client};
	struct pair pair;
	struct slot *old = in_force(c);
	bool ok = load(c, chain, key, &pair, verdict);
	close(chain);
	close(key);
	if (!ok)
		return false;
	if (old != NULL)
		pair_reset(&old->early);
	bool same = old != NULL && is_same(&old->pair, &pair);
	if (same) {
		warn_of_time(c, &old->pair, verdict);
		pair_reset(&pair);
	}
	if (same || !may_follow(c, old, &pair, verdict))
		return false;
	if (old != NULL)
		retire(old, now_ms);
	warn_of_time(c, &pair, verdict);
	add(&like, &pair);
	return true;
}

bool vault_take(const struct conf_certificate *c, int chain, int key, uint64_t now_ms,
    struct key_verdict *verdict)
{
	bool fresh = take(c, chain, key, now_ms, verdict);
	verdict->in_use = in_force(c) != NULL;
	return fresh;
}

/* ---- those that go ---------------------------------------------------------------- */

/* NULL: it is not in the configuration any more. */
static const struct conf_certificate *find_row(const struct conf *conf, const struct slot *s)
{
	for (size_t i = 0; i < conf->certificate_count; i++)
		if (is_of(s, &conf->certificates[i]))
			return &conf->certificates[i];
	return NULL;
}

static bool dedicate(struct slot *s, const struct conf_certificate *c)
{
	bool same = s->for_servers == !c->client_only && s->for_clients == c->is_client;
	s->for_servers = !c->client_only;
	s->for_clients = c->is_client;
	return !same;
}

bool vault_keep_only(const struct conf *conf, uint64_t now_ms)
{
	struct slot *s;
	bool any = false;
	SLIST_FOREACH(s, &slots, link)
	{
		const struct conf_certificate *row = find_row(conf, s);
		if (s->gone_ms != 0)
			continue;
		if (row == NULL)
			retire(s, now_ms);
		any = row == NULL || dedicate(s, row) || any;
	}
	return any;
}

static bool is_early_due(const struct slot *s)
{
	return s->gone_ms == 0 && s->early.chain != NULL &&
	       pair_time(&s->early, wall_seconds()) != PAIR_EARLY;
}

bool vault_tick(uint64_t now_ms)
{
	struct slot *s, *next;
	bool any = false;
	for (s = SLIST_FIRST(&slots); s != NULL; s = next) {
		next = SLIST_NEXT(s, link);
		if (is_early_due(s)) {
			add(s, &s->early);
			s->early = (struct pair){.chain = NULL};
			retire(s, now_ms);
			any = true;
		} else if (s->gone_ms != 0 && now_ms - s->gone_ms >= VAULT_GRACE_MS) {
			SLIST_REMOVE(&slots, s, slot, link);
			free_slot(s);
		}
	}
	return any;
}

/* ---- looking ---------------------------------------------------------------------- */

static struct vault_entry entry_of(struct slot *s)
{
	return (struct vault_entry){.id = s->id,
	    .name = s->name,
	    .pair = &s->pair,
	    .for_servers = s->for_servers,
	    .for_clients = s->for_clients};
}

bool vault_find(uint32_t id, struct vault_entry *entry)
{
	struct slot *s;
	SLIST_FOREACH(s, &slots, link)
	if (s->id == id) {
		*entry = entry_of(s);
		return true;
	}
	return false;
}

void vault_each(
    const struct conf *conf, void (*fn)(void *ctx, const struct vault_entry *entry), void *ctx)
{
	for (size_t i = 0; i < conf->certificate_count; i++) {
		struct slot *s = in_force(&conf->certificates[i]);
		if (s == NULL)
			continue;
		const struct vault_entry entry = entry_of(s);
		fn(ctx, &entry);
	}
}
