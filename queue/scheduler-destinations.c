/* SPDX-License-Identifier: ISC
 *
 * The scheduler's destinations: which there are, which list each is in, and what policies they
 * follow.
 */
#include "queue/scheduler-internal.h"

/* Destinations that nothing refers to are remembered for what was learned about them. */
enum { IDLE_MAX = 1000 };

static unsigned list_of(const struct destination *d)
{
	if (d->jobs == 0 && d->in_flight == 0)
		return LIST_IDLE;
	if (destination_first(d) == NULL || !destination_is_open(d) || heap_holds(&d->token))
		return LIST_NONE;
	return share_list_of(d);
}

void scheduler_unlist(struct scheduler *s, struct destination *d)
{
	if (d->list < SHARE_LISTS)
		share_remove(&s->transports[d->transport].share, d, d->list);
	if (d->list == LIST_IDLE) {
		TAILQ_REMOVE(&s->idle, d, link);
		s->idle_count--;
	}
	d->list = LIST_NONE;
}

static void drop_destination(struct scheduler *s, struct destination *d)
{
	scheduler_unlist(s, d);
	if (heap_holds(&d->wake))
		heap_remove(&s->dead, &d->wake);
	hash_take(s->destinations, destination_key(d));
	destination_free(d);
}

static void add_idle(struct scheduler *s, struct destination *d)
{
	TAILQ_INSERT_TAIL(&s->idle, d, link);
	s->idle_count++;
}

void scheduler_unlist_ahead(struct scheduler *s, struct destination *d)
{
	if (d->in_ahead)
		TAILQ_REMOVE(&s->transports[d->transport].share.ahead, d, ahead_link);
	d->in_ahead = false;
}

static void update_ahead(struct scheduler *s, struct destination *d)
{
	bool in = destination_is_open_ahead(d) && d->trust != TRUST_FAILED &&
		  destination_first(d) != NULL && !heap_holds(&d->token);
	if (!in) {
		scheduler_unlist_ahead(s, d);
	} else if (!d->in_ahead) {
		TAILQ_INSERT_TAIL(&s->transports[d->transport].share.ahead, d, ahead_link);
		d->in_ahead = true;
	}
}

/* One whose tokens are spent stays: forgetting it would give them back. */
static void forget_some(struct scheduler *s)
{
	for (int i = 0; i < 2 && s->idle_count > IDLE_MAX; i++) {
		struct destination *d = TAILQ_FIRST(&s->idle);
		if (!heap_holds(&d->token) && pace_is_full(&d->pace, s->now)) {
			drop_destination(s, d);
			continue;
		}
		TAILQ_REMOVE(&s->idle, d, link);
		TAILQ_INSERT_TAIL(&s->idle, d, link);
	}
}

void scheduler_update(struct scheduler *s, struct destination *d)
{
	unsigned list = list_of(d);
	update_ahead(s, d);
	if (d->list == list)
		return;
	scheduler_unlist(s, d);
	d->list = (uint8_t)list;
	if (list < SHARE_LISTS)
		share_add(&s->transports[d->transport].share, d, list);
	if (list != LIST_IDLE)
		return;
	add_idle(s, d);
	forget_some(s);
}

static const struct destination_policy *policy_of(
    const struct scheduler *s, enum transport transport, struct str nexthop)
{
	const struct destination_policy *p = NULL;
	if (transport == TRANSPORT_REMOTE && s->policies != NULL)
		p = policies_find(s->policies, nexthop);
	return p != NULL ? p : &s->transports[transport].policy;
}

enum { KEY_MAX = 1 + NEXTHOP_MAX };

static struct str key_for(char *out, enum transport transport, struct str nexthop)
{
	nexthop = str_head(nexthop, NEXTHOP_MAX);
	out[0] = (char)transport;
	if (nexthop.n > 0)
		memcpy(out + 1, nexthop.p, nexthop.n);
	return str_from(out, 1 + nexthop.n);
}

const struct destination *scheduler_find_destination(
    const struct scheduler *s, enum transport transport, struct str nexthop)
{
	char text[KEY_MAX];
	return hash_find(s->destinations, key_for(text, transport, nexthop));
}

struct destination *scheduler_destination(
    struct scheduler *s, enum transport transport, struct str nexthop)
{
	char text[KEY_MAX];
	struct str key = key_for(text, transport, nexthop);
	struct destination *d = hash_find(s->destinations, key);
	if (d != NULL)
		return d;
	d = destination_new(key, (uint8_t)transport, policy_of(s, transport, nexthop));
	d->list = LIST_NONE;
	hash_put(s->destinations, d);
	if (s->began != 0)
		pace_was_empty(&d->pace, s->began);
	scheduler_pace(s, d);
	return d;
}

/* --- policies ----------------------------------------------------------- */

static void take_policy(void *destination, void *ctx)
{
	struct destination *d = destination;
	struct scheduler *s = ctx;
	destination_set_policy(d, policy_of(s, d->transport, destination_name(d)));
	if (heap_holds(&d->token) && pace_is_open(&d->pace, s->now))
		heap_remove(&s->paced, &d->token);
}

/* Apart from take_policy, for an idle destination may be forgotten by its update. */
static void update_one(void *destination, void *ctx)
{
	struct destination *d = destination;
	if (d->list != LIST_IDLE)
		scheduler_update(ctx, d);
}

static void take_policies(struct scheduler *s)
{
	hash_each(s->destinations, take_policy, s);
	hash_each(s->destinations, update_one, s);
}

void scheduler_set_transport(
    struct scheduler *s, enum transport transport, const struct transport_policy *policy)
{
	s->transports[transport].share.limit = policy->limit;
	s->transports[transport].policy = policy->destination;
	take_policies(s);
}

void scheduler_set_policies(struct scheduler *s, struct policies *policies)
{
	struct policies *before = s->policies;
	s->policies = policies;
	take_policies(s);
	policies_free(before);
}

void scheduler_configure(struct scheduler *s, const struct conf *conf)
{
	s->retry = (struct retry_policy){conf->queue.retry_first, conf->queue.retry_max};
	for (size_t i = TRANSPORT_LOCAL; i < TRANSPORT_COUNT; i++) {
		const struct transport_policy p = policies_transport(conf, (enum transport)i);
		scheduler_set_transport(s, (enum transport)i, &p);
	}
	scheduler_set_policies(s, policies_new(conf));
}

void scheduler_probe(struct scheduler *s, struct destination *d)
{
	if (d->state != DESTINATION_DEAD)
		return;
	heap_remove(&s->dead, &d->wake);
	d->state = DESTINATION_PROBING;
	scheduler_update(s, d);
}

struct visit {
	scheduler_each_fn *fn;
	void *ctx;
};

static void visit_one(void *destination, void *ctx)
{
	const struct visit *v = ctx;
	v->fn(v->ctx, destination);
}

void scheduler_each_destination(const struct scheduler *s, scheduler_each_fn *fn, void *ctx)
{
	struct visit v = {fn, ctx};
	hash_each(s->destinations, visit_one, &v);
}
