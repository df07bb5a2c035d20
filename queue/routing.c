/* SPDX-License-Identifier: ISC
 *
 * A domain is asked for by the first address of it that comes. Keys of domains have
 * no '@', so that both kinds are in one table.
 */
#include "queue/routing.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <stdlib.h>

static struct str key_of(const void *routed)
{
	const struct routed *d = routed;
	return str_from(d->key, d->n);
}

/* --- sets --------------------------------------------------------------- */

static void free_str(struct str s)
{
	free((char *)(uintptr_t)s.p);
}

static void forget(struct routed_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		free_str(set->list[i]->address);
		free_str(set->list[i]->nexthop);
		free_str(set->list[i]->text);
		free(set->list[i]);
	}
	free(set->list);
	hash_free(set->by_key);
	*set = (struct routed_set){0};
}

static const struct routed *find(const struct routed_set *set, struct str key)
{
	return set->by_key == NULL ? NULL : hash_find(set->by_key, key);
}

static size_t add(struct routed_set *set, struct str key)
{
	struct routed *d = xcalloc(1, sizeof(*d) + key.n);
	d->n = key.n;
	if (key.n > 0)
		memcpy(d->key, key.p, key.n);
	if (set->count == set->cap) {
		set->cap = set->cap == 0 ? 64 : set->cap * 2;
		set->list = xreallocarray(set->list, set->cap, sizeof(struct routed *));
	}
	set->list[set->count] = d;
	hash_put(set->by_key, d);
	return set->count++;
}

/* --- answers ------------------------------------------------------------ */

static struct str keep(struct str s)
{
	return (struct str){s.n == 0 ? NULL : str_dup(s), s.n};
}

static void go_to(struct routed *d, const struct route_target *to)
{
	d->kind = ROUTED_TO;
	d->transport = to->transport;
	d->nexthop = keep(to->nexthop);
}

static void take_domain(struct routing *g, struct routed *d, const struct msg_address_answer *m)
{
	if (m->verdict == RCPT_NOT_OURS) {
		if (m->targets_count > 0)
			go_to(d, &m->targets[0]);
		return;
	}
	d->ours = g->any_ours = true;
	d->elsewhere = m->targets_count == 1 && m->targets[0].transport == TRANSPORT_REMOTE;
}

/* One recipient stays one: of an alias that keeps a copy for its own name that copy is it. */
static const struct route_target *choose(const struct routed *d, const struct msg_address_answer *m)
{
	if (m->targets_count == 1)
		return &m->targets[0];
	for (size_t i = 0; i < m->targets_count; i++)
		if (str_eq(m->targets[i].address, key_of(d)))
			return &m->targets[i];
	return NULL;
}

static void log_several(const struct routed *d, size_t count)
{
	struct log_event ev;
	log_begin(&ev, LOG_WARNING, (struct str){NULL, 0});
	log_address(&ev, "to", key_of(d));
	log_u64(&ev, "targets", count);
	log_note(&ev, STR("is an alias of several now: mail that waits for it stays on its way"));
	log_end(&ev);
}

static void take_targets(struct routed *d, const struct msg_address_answer *m)
{
	const struct route_target *to = choose(d, m);
	if (to == NULL) {
		log_several(d, m->targets_count);
		return;
	}
	go_to(d, to);
	d->address = keep(to->address);
}

/* Domains and mailboxes are made one after another: who is missing now may be there soon. */
static void take_no_mailbox(struct routing *g, struct routed *d)
{
	const struct routed *old = find(&g->before, key_of(d));
	uint64_t now = loop_now_ms();
	d->since_ms = old != NULL && old->since_ms != 0 ? old->since_ms : now;
	if (now - d->since_ms >= g->grace_ms)
		d->kind = ROUTED_NO_MAILBOX;
	else
		g->doubt = true;
}

static void take_address(struct routing *g, struct routed *d, const struct msg_address_answer *m)
{
	if (m->verdict == RCPT_NO_MAILBOX) {
		take_no_mailbox(g, d);
	} else if (m->verdict == RCPT_REFUSED) {
		d->kind = ROUTED_REFUSED;
		d->text = keep(m->text);
	} else if (m->verdict == RCPT_TEMPORARY) {
		g->again = true;
	} else {
		take_targets(d, m);
	}
}

static void on_answer(void *ctx, uint64_t tag, const struct msg_address_answer *m)
{
	struct routing *g = ctx;
	if (tag >> 32 != g->pass || (tag & UINT32_MAX) >= g->now.count)
		return;
	struct routed *d = g->now.list[tag & UINT32_MAX];
	g->pending--;
	if (str_find(key_of(d), '@') < d->n)
		take_address(g, d, m);
	else
		take_domain(g, d, m);
	g->on_answer(g->ctx);
}

/* --- questions ---------------------------------------------------------- */

static struct str domain_key(struct str address, char out[ADDRESS_MAX])
{
	struct str domain = str_skip(address, str_rfind(address, '@') + 1);
	domain = str_head(domain, ADDRESS_MAX);
	for (size_t i = 0; i < domain.n; i++)
		out[i] = ascii_lower(domain.p[i]);
	return str_from(out, domain.n);
}

static void ask(struct routing *g, struct str key, struct str address)
{
	if (find(&g->now, key) != NULL)
		return;
	uint64_t tag = (uint64_t)g->pass << 32 | add(&g->now, key);
	g->pending++;
	router_ask(g->router, address, on_answer, g, tag);
}

void routing_ask_domain(struct routing *g, struct str address)
{
	char key[ADDRESS_MAX];
	ask(g, domain_key(address, key), address);
}

void routing_ask_address(struct routing *g, struct str address)
{
	ask(g, address, address);
}

const struct routed *routing_domain(const struct routing *g, struct str address)
{
	char key[ADDRESS_MAX];
	return find(&g->now, domain_key(address, key));
}

const struct routed *routing_address(const struct routing *g, struct str address)
{
	return find(&g->now, address);
}

/* --- passes ------------------------------------------------------------- */

void routing_begin(struct routing *g)
{
	g->now.by_key = hash_new(key_of);
	g->pass++;
	g->pending = 0;
	g->again = g->doubt = g->any_ours = false;
}

void routing_end(struct routing *g)
{
	forget(&g->before);
	if (g->doubt) {
		g->before = g->now;
		g->now = (struct routed_set){0};
	}
	forget(&g->now);
}

void routing_reset(struct routing *g)
{
	forget(&g->now);
	forget(&g->before);
}
