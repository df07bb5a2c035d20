/* SPDX-License-Identifier: ISC
 *
 * A work list of addresses of our domains, each looked at once; resolve.c does one
 * step. An address that comes up again below itself is a loop unless it lists
 * itself.
 *
 * Invariant: nodes[0] is the address asked for, and a node's parent stands
 * before it, so every walk upwards ends. Never: recursion, or more nodes and
 * targets than the caps.
 */
#include "directory/expand.h"
#include "directory/address-set.h"
#include "directory/key.h"
#include "directory/records.h"
#include "directory/resolve.h"
#include "directory/route.h"

#define NO_PARENT SIZE_MAX

_Static_assert((int)EXPAND_NODES_MAX <= ADDRESS_SET_MAX, "every node is in the set");

struct node {
	size_t parent;
	unsigned depth;
	bool asked;	 /* the address asked for, or the same local part in a mapped domain */
	bool lists_self; /* its alias keeps a copy in the mailbox of its own name */
};

struct expander {
	const struct lookup *lookup;
	const struct expand_rules *rules;
	struct pool *pool;
	struct expansion *out;
	struct address_set addresses; /* of the nodes */
	struct node *nodes;
	size_t nodes_cap;
	struct address_set recipients; /* of the targets */
	size_t targets_cap;
	size_t octets; /* that the targets take on the wire */
};

static bool stop(struct expander *x, enum expand_status status, struct str text)
{
	*x->out = (struct expansion){.status = status, .text = text};
	return false;
}

static bool too_many(struct expander *x)
{
	return stop(x, EXPAND_TOO_MANY, x->addresses.list[0]);
}

static bool add_target(
    struct expander *x, enum transport transport, struct str address, struct str nexthop)
{
	struct address_set *known = &x->recipients;
	if (address_set_find(known, address) < known->count)
		return true;
	x->octets += 4 + address.n + 4 + nexthop.n + 1;
	if (known->count == EXPANSION_MAX || x->octets > EXPAND_OCTETS_MAX)
		return too_many(x);
	struct target *list =
	    pool_grow(x->pool, x->out->targets, known->count, &x->targets_cap, sizeof(*list));
	if (list == NULL || !address_set_add(known, address))
		return too_many(x);
	x->out->targets = list;
	list[x->out->count++] = (struct target){
	    .address = address, .nexthop = nexthop, .transport = (uint8_t)transport};
	return true;
}

/* Where a route leads. Only who asked for this very address is told the operator's words. */
static bool add_routed(
    struct expander *x, const struct route *r, struct str address, bool asked)
{
	switch (r->status) {
	case ROUTED:
		return add_target(x, r->transport, address, r->nexthop);
	case ROUTE_REFUSED:
		return asked ? stop(x, EXPAND_REFUSED, r->text) : stop(x, EXPAND_DANGLING, address);
	case ROUTE_NONE:
		return add_target(x, TRANSPORT_LOCAL, address, (struct str){NULL, 0});
	case ROUTE_UNKNOWN:
		break;
	}
	return stop(x, EXPAND_FAILED, address);
}

/* A mailbox of ours, which may be kept elsewhere. */
static bool add_mailbox(struct expander *x, struct str address, bool asked)
{
	struct str local_part, domain;
	struct route r;
	key_split(address, &local_part, &domain);
	route_own(x->lookup, domain, x->pool, &r);
	return add_routed(x, &r, address, asked);
}

/* At another server: `domain` is a key. */
static bool add_remote(struct expander *x, struct str address, struct str domain, bool asked)
{
	struct route r;
	route_find(x->lookup, x->rules, domain, x->pool, &r);
	return add_routed(x, &r, address, asked);
}

/* What the table of domains says. */
enum ours { OURS, OURS_TO_RELAY, NOT_OURS, OURS_UNKNOWN };

static enum ours is_ours(const struct lookup *lookup, struct str domain, struct pool *pool)
{
	struct str value;
	switch (lookup_get(lookup, TABLE_DOMAINS, domain, pool, &value)) {
	case LOOKUP_FOUND:
		return str_eq(value, DOMAIN_RELAY) ? OURS_TO_RELAY : OURS;
	case LOOKUP_NONE:
		return NOT_OURS;
	case LOOKUP_FAILED:
		break;
	}
	return OURS_UNKNOWN;
}

static bool is_below(const struct expander *x, size_t node, size_t ancestor)
{
	for (; node != NO_PARENT; node = x->nodes[node].parent)
		if (node == ancestor)
			return true;
	return false;
}

static bool add_node(struct expander *x, struct str key, size_t parent, bool asked)
{
	struct address_set *known = &x->addresses;
	size_t at = address_set_find(known, key);
	if (at < known->count) {
		bool loop = !x->nodes[at].lists_self && is_below(x, parent, at);
		return loop ? stop(x, EXPAND_LOOP, key) : true;
	}
	unsigned depth = parent == NO_PARENT ? 0 : x->nodes[parent].depth + 1;
	if (depth > EXPAND_DEPTH_MAX)
		return stop(x, EXPAND_TOO_DEEP, key);
	if (known->count == EXPAND_NODES_MAX)
		return too_many(x);
	struct node *list =
	    pool_grow(x->pool, x->nodes, known->count, &x->nodes_cap, sizeof(*list));
	if (list == NULL || !address_set_add(known, key))
		return stop(x, EXPAND_FAILED, key);
	x->nodes = list;
	list[at] = (struct node){.parent = parent, .depth = depth, .asked = asked};
	return true;
}

/* The address, and its key, that a target stands for when it replaces `name`. */
static bool target_address(struct expander *x, const struct alias_target *t, struct str name,
    struct str *address, struct str *key)
{
	struct str local_part, domain;
	key_split(name, &local_part, &domain);
	*address = t->text;
	if (t->kind == ALIAS_DOMAIN && !key_join(local_part, t->text, x->pool, address))
		return false;
	if (t->kind == ALIAS_LOCAL_PART &&
	    (domain.n == 0 || !key_join(t->text, domain, x->pool, address)))
		return false;
	return key_address(*address, x->pool, key);
}

/* An alias's own name among its targets: the mailbox, if there is one. */
static bool follow_self(struct expander *x, struct str name, bool asked)
{
	switch (lookup_get(x->lookup, TABLE_USERS, name, x->pool, NULL)) {
	case LOOKUP_FOUND:
		return add_mailbox(x, name, asked);
	case LOOKUP_NONE:
		return stop(x, EXPAND_DANGLING, name);
	case LOOKUP_FAILED:
		break;
	}
	return stop(x, EXPAND_FAILED, name);
}

static bool follow_address(
    struct expander *x, size_t node, struct str address, struct str key, bool asked)
{
	struct str local_part, domain;
	key_split(key, &local_part, &domain);
	switch (is_ours(x->lookup, domain, x->pool)) {
	case OURS:
		return add_node(x, key, node, asked);
	case OURS_TO_RELAY:
	case NOT_OURS:
		return add_remote(x, address, domain, asked);
	case OURS_UNKNOWN:
		break;
	}
	return stop(x, EXPAND_FAILED, key);
}

static bool follow_target(
    struct expander *x, size_t node, const struct resolved *r, const struct alias_target *t)
{
	struct str own = x->addresses.list[node], address, key;
	bool asked = x->nodes[node].asked;
	if (t->kind == ALIAS_DISCARD)
		return add_target(x, TRANSPORT_DISCARD, own, (struct str){NULL, 0});
	if (t->kind == ALIAS_REFUSE)
		return asked ? stop(x, EXPAND_REFUSED, t->text) : stop(x, EXPAND_DANGLING, own);
	if (!target_address(x, t, r->name, &address, &key))
		return stop(x, EXPAND_DANGLING, t->text);
	if (str_eq(key, r->name))
		return follow_self(x, key, asked);
	return follow_address(x, node, address, key, asked && t->kind == ALIAS_DOMAIN);
}

static bool follow_alias(struct expander *x, size_t node, const struct resolved *r)
{
	struct str address, key;
	for (size_t i = 0; i < r->count; i++)
		if (target_address(x, &r->targets[i], r->name, &address, &key) &&
		    str_eq(key, r->name))
			x->nodes[node].lists_self = true;
	for (size_t i = 0; i < r->count; i++)
		if (!follow_target(x, node, r, &r->targets[i]))
			return false;
	return true;
}

static bool follow_node(struct expander *x, size_t node)
{
	struct str key = x->addresses.list[node];
	struct resolved r;
	resolve(x->lookup, x->rules, key, x->pool, &r);
	switch (r.kind) {
	case RESOLVED_MAILBOX:
		return add_mailbox(x, r.name, x->nodes[node].asked);
	case RESOLVED_ALIAS:
		return follow_alias(x, node, &r);
	case RESOLVED_NONE:
		return stop(x, x->nodes[node].asked ? EXPAND_NO_MAILBOX : EXPAND_DANGLING, key);
	case RESOLVED_FAILED:
		break;
	}
	return stop(x, EXPAND_FAILED, key);
}

/* Another's: where it would go, if we took it. */
static void begin_elsewhere(struct expander *x, struct str address, struct str domain)
{
	if (add_remote(x, address, domain, true))
		x->out->status = EXPAND_NOT_OURS;
}

/* The address asked for becomes the first node, when it is one of ours; else all is said. */
static bool begin(struct expander *x, struct str address)
{
	struct str key, local_part, domain;
	if (!key_address(address, x->pool, &key)) {
		/* The domain cannot be in the table. */
		key_split(address, &local_part, &domain);
		begin_elsewhere(x, address, domain);
		return false;
	}
	key_split(key, &local_part, &domain);
	if (domain.n == 0)
		return str_eq(key, STR("postmaster")) ? add_node(x, key, NO_PARENT, true)
						      : stop(x, EXPAND_NO_MAILBOX, address);
	switch (is_ours(x->lookup, domain, x->pool)) {
	case OURS:
		return add_node(x, key, NO_PARENT, true);
	case OURS_TO_RELAY:
		add_remote(x, address, domain, true);
		return false;
	case NOT_OURS:
		begin_elsewhere(x, address, domain);
		return false;
	case OURS_UNKNOWN:
		break;
	}
	return stop(x, EXPAND_FAILED, address);
}

void expand(const struct lookup *lookup, const struct expand_rules *rules, struct str address,
    struct pool *pool, struct expansion *out)
{
	struct expander x = {.lookup = lookup, .rules = rules, .pool = pool, .out = out};
	x.addresses.pool = x.recipients.pool = pool;
	*out = (struct expansion){.status = EXPAND_OK};
	if (!begin(&x, address))
		return;
	for (size_t i = 0; i < x.addresses.count; i++)
		if (!follow_node(&x, i))
			return;
	if (out->count == 0)
		stop(&x, EXPAND_LOOP, x.addresses.list[0]);
}

enum lookup_result expand_exists(const struct lookup *lookup, const struct expand_rules *rules,
    struct str address, struct pool *pool)
{
	struct str key, local_part, domain;
	struct resolved r;
	if (!key_address(address, pool, &key))
		return LOOKUP_NONE;
	key_split(key, &local_part, &domain);
	enum ours ours = domain.n == 0 ? NOT_OURS : is_ours(lookup, domain, pool);
	if (ours != OURS)
		return ours == OURS_UNKNOWN ? LOOKUP_FAILED : LOOKUP_FOUND;
	resolve(lookup, rules, key, pool, &r);
	if (r.kind == RESOLVED_FAILED)
		return LOOKUP_FAILED;
	return r.kind == RESOLVED_NONE ? LOOKUP_NONE : LOOKUP_FOUND;
}
