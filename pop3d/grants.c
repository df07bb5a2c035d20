/* SPDX-License-Identifier: ISC
 *
 * Grants and waiting requests are entries of the same kind in two tables, each
 * with a list in order of age.
 */
#include "pop3d/grants.h"
#include "common/hash.h"
#include "common/limits.h"
#include "common/mem.h"

#include <stdlib.h>
#include <sys/queue.h>

struct entry {
	TAILQ_ENTRY(entry) by_age;
	char ticket[TICKET_SIZE];
	uint64_t end;
	void *request;	    /* a request */
	struct grant grant; /* a grant; its address is owned */
};

TAILQ_HEAD(entry_list, entry);

struct table {
	struct hash *by_ticket;
	struct entry_list by_age; /* oldest first */
};

struct grants {
	grants_fn *fn;
	void *ctx;
	struct table granted;
	struct table waiting;
};

static struct str ticket_of(const void *entry)
{
	return str_from(((const struct entry *)entry)->ticket, TICKET_SIZE);
}

static void table_init(struct table *t)
{
	t->by_ticket = hash_new(ticket_of);
	TAILQ_INIT(&t->by_age);
}

struct grants *grants_new(grants_fn *fn, void *ctx)
{
	struct grants *g = xcalloc(1, sizeof(*g));
	g->fn = fn;
	g->ctx = ctx;
	table_init(&g->granted);
	table_init(&g->waiting);
	return g;
}

static void entry_free(struct entry *e)
{
	free((char *)(uintptr_t)e->grant.address.p);
	free(e);
}

static void take_out(struct table *t, struct entry *e)
{
	hash_take(t->by_ticket, ticket_of(e));
	TAILQ_REMOVE(&t->by_age, e, by_age);
}

static struct entry *take(struct table *t, struct str ticket)
{
	struct entry *e = hash_find(t->by_ticket, ticket);
	if (e != NULL)
		take_out(t, e);
	return e;
}

static void put(struct table *t, struct entry *e, struct str ticket)
{
	memcpy(e->ticket, ticket.p, TICKET_SIZE);
	hash_put(t->by_ticket, e);
	TAILQ_INSERT_TAIL(&t->by_age, e, by_age);
}

static void table_free(struct table *t)
{
	struct entry *e;
	while ((e = TAILQ_FIRST(&t->by_age)) != NULL) {
		take_out(t, e);
		entry_free(e);
	}
	hash_free(t->by_ticket);
}

void grants_free(struct grants *g)
{
	if (g == NULL)
		return;
	table_free(&g->granted);
	table_free(&g->waiting);
	free(g);
}

static void answer(struct grants *g, struct entry *request, struct grant grant)
{
	void *r = request->request;
	entry_free(request);
	g->fn(g->ctx, r, grant);
}

/* The oldest of a table that is too full; NULL while it is not. */
static struct entry *surplus(struct table *t, size_t max)
{
	struct entry *e = hash_count(t->by_ticket) < max ? NULL : TAILQ_FIRST(&t->by_age);
	if (e != NULL)
		take_out(t, e);
	return e;
}

void grants_add(struct grants *g, struct str ticket, struct grant grant, uint64_t now)
{
	struct entry *request, *old;
	if (ticket.n != TICKET_SIZE || grant.address.n == 0)
		return;
	request = take(&g->waiting, ticket);
	if (request != NULL) {
		answer(g, request, grant);
		return;
	}
	if ((old = take(&g->granted, ticket)) != NULL ||
	    (old = surplus(&g->granted, GRANTS_MAX)) != NULL)
		entry_free(old);
	struct entry *e = xcalloc(1, sizeof(*e));
	e->end = now + GRANT_LIFETIME_S * (uint64_t)1000;
	e->grant = grant;
	e->grant.address.p = str_dup(grant.address);
	put(&g->granted, e, ticket);
}

void grants_request(struct grants *g, struct str ticket, void *request, uint64_t now)
{
	static const struct grant nobody = {{NULL, 0}, 0};
	struct entry *grant = NULL, *old;
	/* A second request for a ticket that one waits for is somebody's mistake, or worse. */
	if (ticket.n != TICKET_SIZE || hash_find(g->waiting.by_ticket, ticket) != NULL) {
		g->fn(g->ctx, request, nobody);
		return;
	}
	grant = take(&g->granted, ticket);
	if (grant != NULL) {
		g->fn(g->ctx, request, now < grant->end ? grant->grant : nobody);
		entry_free(grant);
		return;
	}
	old = surplus(&g->waiting, GRANTS_WAITING_MAX);
	if (old != NULL)
		answer(g, old, nobody);
	struct entry *e = xcalloc(1, sizeof(*e));
	e->end = now + GRANTS_WAIT_MS;
	e->request = request;
	put(&g->waiting, e, ticket);
}

/* The oldest entry when its time is up. */
static struct entry *expired(struct table *t, uint64_t now)
{
	struct entry *e = TAILQ_FIRST(&t->by_age);
	if (e == NULL || now < e->end)
		return NULL;
	take_out(t, e);
	return e;
}

void grants_tick(struct grants *g, uint64_t now)
{
	struct entry *e;
	while ((e = expired(&g->granted, now)) != NULL)
		entry_free(e);
	while ((e = expired(&g->waiting, now)) != NULL)
		answer(g, e, (struct grant){{NULL, 0}, 0});
}

size_t grants_count(const struct grants *g)
{
	return hash_count(g->granted.by_ticket) + hash_count(g->waiting.by_ticket);
}
