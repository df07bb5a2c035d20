/* SPDX-License-Identifier: ISC
 *
 * A pass: DOMAINS walks the messages and asks for each domain once; when all answers
 * are there, ADDRESSES walks them for the domains that are ours and asks for each
 * address once; then APPLY moves what has another route.
 */
#include "queue/reroute.h"
#include "common/loop.h"
#include "common/mem.h"

#include <stdlib.h>

static void go_on(struct reroute *r, uint64_t ms)
{
	loop_timer_start(r->timer, ms);
}

/* --- messages ----------------------------------------------------------- */

static bool has_route(const struct message_recipient *r, const struct job *job)
{
	return (job->to->transport == TRANSPORT_REMOTE || job->to->transport == TRANSPORT_LOCAL) &&
	       (r->state & (RECIPIENT_DONE | RECIPIENT_OWED)) == 0;
}

static bool may_have_route(const struct message *m)
{
	for (size_t i = 0; i < m->job_count; i++)
		if (m->jobs[i].to->transport == TRANSPORT_REMOTE ||
		    m->jobs[i].to->transport == TRANSPORT_LOCAL)
			return true;
	return false;
}

/* Mail for a mailbox was routed as such: it is only of interest when others take it now. */
static bool needs_own_answer(const struct routed *domain, const struct job *job)
{
	return domain->ours && (job->to->transport == TRANSPORT_REMOTE || domain->elsewhere);
}

static void ask(struct reroute *r, const struct job *job, struct str address)
{
	const struct routed *domain = routing_domain(&r->routing, address);
	if (r->phase == REROUTE_DOMAINS)
		routing_ask_domain(&r->routing, address);
	else if (domain != NULL && needs_own_answer(domain, job))
		routing_ask_address(&r->routing, address);
}

static void collect(struct reroute *r, struct message *m)
{
	if (!may_have_route(m))
		return;
	uint16_t *jobs = xreallocarray(NULL, m->recipient_count, sizeof(*jobs));
	message_jobs(m, jobs);
	for (size_t i = 0; i < m->recipient_count; i++)
		if (has_route(&message_recipients(m)[i], &m->jobs[jobs[i]]))
			ask(r, &m->jobs[jobs[i]], message_address(m, (uint16_t)i));
	free(jobs);
}

/* What is to be done with mail for this address; NULL: nothing. */
static const struct routed *find_route(
    const struct reroute *r, struct str address, const struct job *job)
{
	const struct routed *d = routing_domain(&r->routing, address);
	bool own = d != NULL && needs_own_answer(d, job);
	if (own)
		d = routing_address(&r->routing, address);
	if (d == NULL || d->kind == ROUTED_NOT)
		return NULL;
	/* A mailbox's mail was expanded when it came. */
	bool passed_on =
	    d->kind == ROUTED_TO && d->transport == TRANSPORT_REMOTE && str_eq(d->address, address);
	return own && job->to->transport == TRANSPORT_LOCAL && !passed_on ? NULL : d;
}

static bool fails(const struct routed *d)
{
	return d->kind == ROUTED_REFUSED || d->kind == ROUTED_NO_MAILBOX;
}

static bool is_other_route(const struct routed *d, const struct job *job, struct str address)
{
	return d->transport != job->to->transport ||
	       (d->address.n > 0 && !str_eq(d->address, address)) ||
	       (d->transport == TRANSPORT_REMOTE && !str_eq(d->nexthop, destination_name(job->to)));
}

static bool may_move(
    const struct message *m, uint16_t number, const struct job *job, const struct routed *d)
{
	if (fails(d))
		return message_recipients(m)[number].state != RECIPIENT_HELD;
	return is_other_route(d, job, message_address(m, number)) &&
	       (d->transport != TRANSPORT_HOLD || !(m->flags & MESSAGE_RELEASED));
}

/* What is to fail waits for it on hold. */
static void move(struct recipient *to, const struct routed *d)
{
	to->transport = fails(d) ? TRANSPORT_HOLD : d->transport;
	to->nexthop = d->nexthop;
	if (d->address.n > 0)
		to->address = d->address;
}

/* Each recipient with its route as it will be; true when one has another than before. */
static bool plan(const struct reroute *r, const struct message *m, struct recipient *list)
{
	uint16_t *jobs = xreallocarray(NULL, m->recipient_count, sizeof(*jobs));
	bool changed = active_routes(m, list);
	message_jobs(m, jobs);
	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct job *job = &m->jobs[jobs[i]];
		if (!has_route(&message_recipients(m)[i], job))
			continue;
		const struct routed *d = find_route(r, list[i].address, job);
		if (d == NULL || !may_move(m, (uint16_t)i, job, d))
			continue;
		changed = true;
		move(&list[i], d);
	}
	free(jobs);
	return changed;
}

static void fail(struct active *a, struct message *m, uint16_t number, const struct routed *d)
{
	const struct why refused = {.status = STR("5.7.1"),
	    .text = d->text.n > 0 ? d->text : STR("the operator's route refuses it")};
	const struct why no_mailbox = {.status = STR("5.1.1"), .text = STR("no such mailbox")};
	active_failed(a, m, number, d->kind == ROUTED_REFUSED ? &refused : &no_mailbox);
}

/* What came to a route that says hold, or is to fail. */
static void stop_waiting(struct reroute *r, struct message *m, struct job *job)
{
	uint16_t number;
	while ((number = message_take_waiting(m, job)) != RECIPIENT_NONE) {
		struct str address = message_address(m, number);
		const struct routed *d = routing_address(&r->routing, address);
		if (d != NULL && fails(d)) {
			fail(r->active, m, number, d);
			continue;
		}
		active_change_state(r->active, m, number, RECIPIENT_HELD);
		active_record(r->active, m, number, SPOOL_HELD);
	}
}

static void apply(struct reroute *r, struct message *m)
{
	uint64_t id = m->id;
	if (!may_have_route(m))
		return;
	struct recipient *list = xreallocarray(NULL, m->recipient_count, sizeof(*list));
	bool changed = plan(r, m, list);
	bool moved = changed && active_reroute(r->active, m, list);
	free(list);
	if (changed && !moved)
		r->routing.again = true;
	if (!moved)
		return;
	m = index_find(&r->active->messages, id);
	for (size_t i = 0; i < m->job_count; i++)
		if (m->jobs[i].to->transport == TRANSPORT_HOLD)
			stop_waiting(r, m, &m->jobs[i]);
	if (r->on_progress != NULL)
		r->on_progress(r->ctx);
}

/* --- passes ------------------------------------------------------------- */

static void begin_pass(struct reroute *r)
{
	routing_begin(&r->routing);
	r->phase = REROUTE_DOMAINS;
	r->wanted = false;
	r->at = 0;
	go_on(r, 0);
}

static void next_phase(struct reroute *r)
{
	bool addresses = r->phase == REROUTE_DOMAINS && r->routing.any_ours;
	r->phase = addresses ? REROUTE_ADDRESSES : REROUTE_APPLY;
	r->at = 0;
	go_on(r, 0);
}

static void end_pass(struct reroute *r)
{
	const struct routing *g = &r->routing;
	routing_end(&r->routing);
	r->phase = REROUTE_IDLE;
	r->settled = true;
	if (r->wanted)
		go_on(r, 0);
	else if (g->doubt && g->grace_ms < REROUTE_AGAIN_MS)
		go_on(r, g->grace_ms);
	else if (g->again || g->doubt)
		go_on(r, REROUTE_AGAIN_MS);
	if (r->on_progress != NULL)
		r->on_progress(r->ctx);
}

/* True when it has come round. */
static bool walk(struct reroute *r, void (*fn)(struct reroute *r, struct message *m))
{
	for (int i = 0; i < REROUTE_STEP; i++) {
		struct message *m = index_after(&r->active->messages, r->at);
		if (m == NULL)
			return true;
		r->at = m->id;
		fn(r, m);
	}
	return false;
}

static void step(void *ctx)
{
	struct reroute *r = ctx;
	if (r->phase == REROUTE_IDLE) {
		begin_pass(r);
	} else if (r->phase != REROUTE_APPLY) {
		if (r->routing.pending > REROUTE_ASKS)
			return; /* the next answer goes on */
		if (!walk(r, collect))
			go_on(r, 0);
		else if (r->routing.pending == 0)
			next_phase(r);
	} else if (walk(r, apply)) {
		end_pass(r);
	} else {
		go_on(r, 0);
	}
}

void reroute_begin(struct reroute *r)
{
	r->wanted = true;
	if (r->phase == REROUTE_IDLE)
		go_on(r, 0);
}

void reroute_on_changed(void *ctx, uint32_t generation)
{
	struct reroute *r = ctx;
	if (r->generation_known && r->generation == generation)
		return;
	r->generation = generation;
	r->generation_known = true;
	reroute_begin(r);
}

static void on_answer(void *ctx)
{
	go_on(ctx, 0);
}

void reroute_init(struct reroute *r, struct active *active, struct router *router)
{
	*r = (struct reroute){.active = active};
	r->routing = (struct routing){.router = router, .on_answer = on_answer, .ctx = r};
	r->timer = loop_timer(step, r);
}

void reroute_reset(struct reroute *r)
{
	routing_reset(&r->routing);
	event_free(r->timer);
	*r = (struct reroute){0};
}
