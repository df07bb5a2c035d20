/* SPDX-License-Identifier: ISC
 *
 * A pass: COLLECT walks the messages and asks for each domain once; when all
 * answers are there, APPLY walks them again and moves what has another route.
 */
#include "queue/reroute.h"
#include "common/hash.h"
#include "common/loop.h"
#include "common/mem.h"

#include <stdlib.h>

/* Where mail for a domain goes now. */
struct domain_route {
	bool known;
	bool refused; /* `text` says why */
	uint8_t transport;
	struct str nexthop, text; /* the route's own */
	size_t n;
	char domain[];
};

static struct str key_of(const void *route)
{
	const struct domain_route *d = route;
	return str_from(d->domain, d->n);
}

static void go_on(struct reroute *r, uint64_t ms)
{
	loop_timer_start(r->timer, ms);
}

/* --- domains ------------------------------------------------------------ */

static void forget_domains(struct reroute *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free((char *)(uintptr_t)r->domains[i]->nexthop.p);
		free((char *)(uintptr_t)r->domains[i]->text.p);
		free(r->domains[i]);
	}
	free(r->domains);
	r->domains = NULL;
	r->count = r->cap = r->pending = 0;
	hash_free(r->by_domain);
	r->by_domain = NULL;
}

static size_t domain_key(struct str address, char out[ADDRESS_MAX])
{
	struct str domain = str_skip(address, str_rfind(address, '@') + 1);
	domain = str_head(domain, ADDRESS_MAX);
	for (size_t i = 0; i < domain.n; i++)
		out[i] = ascii_lower(domain.p[i]);
	return domain.n;
}

static struct domain_route *find_domain(const struct reroute *r, struct str address)
{
	char key[ADDRESS_MAX];
	size_t n = domain_key(address, key);
	return hash_find(r->by_domain, str_from(key, n));
}

static struct str keep(struct str s)
{
	return (struct str){s.n == 0 ? NULL : str_dup(s), s.n};
}

static void on_answer(void *ctx, uint64_t tag, const struct msg_address_answer *m)
{
	struct reroute *r = ctx;
	if (tag >> 32 != (r->pass & UINT32_MAX) || (tag & UINT32_MAX) >= r->count)
		return;
	struct domain_route *d = r->domains[tag & UINT32_MAX];
	r->pending--;
	if (m->verdict == RCPT_TEMPORARY)
		r->again = true;
	if (m->verdict == RCPT_NOT_OURS && m->targets_count > 0) {
		d->known = true;
		d->transport = m->targets[0].transport;
		d->nexthop = keep(m->targets[0].nexthop);
	} else if (m->verdict == RCPT_REFUSED) {
		d->known = d->refused = true;
		d->transport = TRANSPORT_HOLD; /* on its way to failing */
		d->text = keep(m->text);
	}
	go_on(r, 0);
}

static void ask_domain(struct reroute *r, struct str address)
{
	char key[ADDRESS_MAX];
	size_t n = domain_key(address, key);
	if (hash_find(r->by_domain, str_from(key, n)) != NULL)
		return;
	struct domain_route *d = xcalloc(1, sizeof(*d) + n);
	d->n = n;
	memcpy(d->domain, key, n);
	if (r->count == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->domains = xreallocarray(r->domains, r->cap, sizeof(struct domain_route *));
	}
	uint64_t tag = (r->pass & UINT32_MAX) << 32 | r->count;
	r->domains[r->count++] = d;
	r->pending++;
	hash_put(r->by_domain, d);
	router_ask(r->router, address, on_answer, r, tag);
}

/* --- messages ----------------------------------------------------------- */

static bool has_route(const struct message_recipient *r, const struct job *job)
{
	return job->to->transport == TRANSPORT_REMOTE &&
	       (r->state & (RECIPIENT_DONE | RECIPIENT_OWED)) == 0;
}

static bool may_have_route(const struct message *m)
{
	for (size_t i = 0; i < m->job_count; i++)
		if (m->jobs[i].to->transport == TRANSPORT_REMOTE)
			return true;
	return false;
}

static void collect(struct reroute *r, struct message *m)
{
	if (!may_have_route(m))
		return;
	uint16_t *jobs = xreallocarray(NULL, m->recipient_count, sizeof(*jobs));
	message_jobs(m, jobs);
	for (size_t i = 0; i < m->recipient_count; i++)
		if (has_route(&message_recipients(m)[i], &m->jobs[jobs[i]]))
			ask_domain(r, message_address(m, (uint16_t)i));
	free(jobs);
}

static bool is_other_route(const struct domain_route *d, const struct job *job)
{
	return d->transport != job->to->transport ||
	       (d->transport == TRANSPORT_REMOTE &&
		   !str_eq(d->nexthop, destination_name(job->to)));
}

/* Each recipient with its route as it will be; true when one has another than before. */
static bool plan(const struct reroute *r, const struct message *m, struct recipient *list)
{
	uint16_t *jobs = xreallocarray(NULL, m->recipient_count, sizeof(*jobs));
	bool changed = active_routes(m, list);
	message_jobs(m, jobs);
	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct job *job = &m->jobs[jobs[i]];
		const struct domain_route *d = find_domain(r, list[i].address);
		if (!has_route(&message_recipients(m)[i], job) || d == NULL || !d->known ||
		    !is_other_route(d, job))
			continue;
		if (d->transport == TRANSPORT_HOLD && !d->refused && (m->flags & MESSAGE_RELEASED))
			continue;
		changed = true;
		list[i].transport = d->transport;
		list[i].nexthop = d->nexthop;
	}
	free(jobs);
	return changed;
}

/* What came to a route that says hold, or error. */
static void stop_waiting(struct reroute *r, struct message *m, struct job *job)
{
	struct active *a = r->active;
	uint16_t number;
	while ((number = message_take_waiting(m, job)) != RECIPIENT_NONE) {
		const struct domain_route *d = find_domain(r, message_address(m, number));
		const struct why why = {.status = STR("5.7.1"),
		    .text = d != NULL && d->text.n > 0 ? d->text
						       : STR("the operator's route refuses it")};
		if (d != NULL && d->refused) {
			active_failed(a, m, number, &why);
			continue;
		}
		active_change_state(a, m, number, RECIPIENT_HELD);
		active_record(a, m, number, SPOOL_HELD);
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
		r->again = true;
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
	forget_domains(r);
	r->by_domain = hash_new(key_of);
	r->pass++;
	r->phase = REROUTE_COLLECT;
	r->wanted = r->again = false;
	r->at = 0;
	go_on(r, 0);
}

static void end_pass(struct reroute *r)
{
	forget_domains(r);
	r->phase = REROUTE_IDLE;
	if (r->wanted || r->again)
		go_on(r, r->wanted ? 0 : REROUTE_AGAIN_MS);
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
	} else if (r->phase == REROUTE_COLLECT) {
		if (r->pending > REROUTE_ASKS)
			return; /* the next answer goes on */
		if (!walk(r, collect)) {
			go_on(r, 0);
		} else if (r->pending == 0) {
			r->phase = REROUTE_APPLY;
			r->at = 0;
			go_on(r, 0);
		}
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

void reroute_init(struct reroute *r, struct active *active, struct router *router)
{
	*r = (struct reroute){.active = active, .router = router};
	r->timer = loop_timer(step, r);
}

void reroute_reset(struct reroute *r)
{
	forget_domains(r);
	event_free(r->timer);
	*r = (struct reroute){0};
}
