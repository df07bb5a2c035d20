/* SPDX-License-Identifier: ISC
 *
 * Invariant: a pair has one row, made when it is first cut; so there are never more than pairs. A
 * pair is made again only for the two lives that it was cut between: whoever is started anew gets
 * fresh ends anyway.
 */
#include "control/rewire.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <sys/queue.h>

struct cut {
	SLIST_ENTRY(cut) link;
	struct wiring_pair pair;
	uint32_t client_life, server_life;
	struct backoff backoff;
	uint64_t wired; /* loop_now_ms; 0: not since it was cut for the first time */
	bool waiting;
	struct event *timer;
};

static SLIST_HEAD(, cut) cuts = SLIST_HEAD_INITIALIZER(cuts);
static struct program_table *table;
static rewire_fn *wire;

void rewire_setup(struct program_table *t, rewire_fn *fn)
{
	table = t;
	wire = fn;
}

static bool lives(struct wiring_end end, uint32_t life)
{
	const struct program *p = program_find(table, end);
	return p != NULL && p->life == life;
}

static void on_time(void *ctx)
{
	struct cut *cut = ctx;
	cut->waiting = false;
	cut->wired = loop_now_ms();
	if (lives(cut->pair.client, cut->client_life) && lives(cut->pair.server, cut->server_life))
		wire(NULL, &cut->pair);
}

static bool is_end(struct wiring_end a, struct wiring_end b)
{
	return a.program == b.program && a.instance == b.instance;
}

static struct cut *find(const struct wiring_pair *pair)
{
	struct cut *cut;
	SLIST_FOREACH(cut, &cuts, link)
	if (cut->pair.edge == pair->edge && is_end(cut->pair.client, pair->client) &&
	    is_end(cut->pair.server, pair->server))
		return cut;
	cut = xcalloc(1, sizeof(*cut));
	cut->pair = *pair;
	cut->timer = loop_timer(on_time, cut);
	SLIST_INSERT_HEAD(&cuts, cut, link);
	return cut;
}

void rewire_later(enum edge_id edge, const struct program *weaker, const struct program *stronger)
{
	bool asks = wiring_edge(edge)->client == weaker->self.program;
	const struct program *client = asks ? weaker : stronger;
	const struct program *server = asks ? stronger : weaker;
	struct cut *cut = find(&(struct wiring_pair){edge, client->self, server->self});
	uint64_t now = loop_now_ms();
	if (cut->waiting && cut->client_life == client->life && cut->server_life == server->life)
		return;
	uint64_t ms = backoff_next(&cut->backoff, now, now - cut->wired, false);
	cut->client_life = client->life;
	cut->server_life = server->life;
	cut->waiting = true;
	loop_timer_start(cut->timer, ms);
	log_message(LOG_WARNING,
	    "program %s[%d] has closed its channel of %s because of what %s[%d] said: both get a "
	    "new "
	    "one in %llu ms",
	    weaker->wiring->file, (int)weaker->pid, wiring_edge(edge)->name, stronger->wiring->file,
	    (int)stronger->pid, (unsigned long long)ms);
}
