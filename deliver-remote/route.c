/* SPDX-License-Identifier: ISC
 *
 * Invariant: of question, lookup, dial and session at most one is under way; when none is, the
 * route has just told its owner something and waits for route_next or route_stop.
 */
#include "deliver-remote/route-internal.h"
#include "common/loop.h"
#include "deliver-remote/diagnosis.h"
#include "deliver-remote/idle.h"

#include <openssl/rand.h>
#include <stdio.h>

#define CONTAINER(pointer, field)                                                                  \
	((struct route *)(void *)((char *)(pointer)-offsetof(struct route, field)))

static void next_host(struct route *r);
static void cut_self(struct route *r);

/* Not for secrets, but not to be foreseen either. */
static uint64_t chance(void)
{
	uint64_t n = 0;
	if (RAND_bytes((uint8_t *)&n, sizeof(n)) != 1)
		n = loop_now_ms();
	return n;
}

/* ---- the end ------------------------------------------------------------------------- */

/* There were hosts, and none can carry this mail as its sender wants, now or later. */
static bool is_unable(const struct route *r)
{
	return r->unable[0] != '\0' && !r->passing;
}

static void end(struct route *r, enum delivery_outcome outcome)
{
	if (r->last.n == 0)
		route_note_host(r, LINK_LOST, fault_status(LINK_LOST),
		    STR("the session ended before all recipients were named"));
	text_clear(&r->end.text);
	text_add(&r->end.text, text_str(&r->last));
	if (route_is_looked_up(r))
		text_add(&r->end.text, str_from_cstr(diagnosis_words(r->fault)));
	r->end.outcome = outcome;
	/* One host among others that is proven not to be there is no reason for ever. */
	if (outcome == DELIVERY_DEFERRED && r->end.status[0] != '4')
		r->end.status[0] = '4';
	if (is_unable(r))
		memcpy(r->end.status, r->unable, sizeof(r->unable));
	r->end.verdict = r->destination_at_fault ? REMOTE_FAILS : REMOTE_UNKNOWN;
	r->end.tried = r->tries->count;
	route_push(r);
	r->events->on_end(r);
}

/* No list of hosts, or an end of it. */
static void end_without_hosts(struct route *r)
{
	const struct candidates *c = &r->candidates;
	bool forever = c->verdict == CANDIDATES_FAILED;
	route_note_host(r, LINK_DNS, c->status, c->text);
	end(r, forever ? DELIVERY_FAILED : DELIVERY_DEFERRED);
}

static void end_of_hosts(struct route *r)
{
	if (r->candidates.verdict != CANDIDATES_FOUND && r->last.n == 0) {
		end_without_hosts(r);
		return;
	}
	/* Nothing but hosts that are proven not to be there, or cannot be what they must be. */
	end(r, r->fault == LINK_NONE || is_unable(r) ? DELIVERY_FAILED : DELIVERY_DEFERRED);
}

/* ---- sessions ------------------------------------------------------------------------ */

static void leave_self(struct route *r, struct session *s)
{
	idle_give(s, NULL);
	dial_stop(&r->dial);
	cut_self(r);
	next_host(r);
}

static void on_ready(struct session *s, void *owner)
{
	struct route *r = owner;
	r->session = NULL;
	if (s->place.family != 0)
		dead_forget(dial_dead(), &s->place);
	route_note_greeter(r, s);
	if (route_is_greeted_by_self(r, s)) {
		leave_self(r, s);
		return;
	}
	route_push(r);
	r->events->on_session(r, s);
}

static bool may_try_in_clear(const struct route *r, const struct session *s)
{
	return s->fault == LINK_TLS && r->demand == TLS_DEMAND_MAY && !r->in_clear &&
	       !s->hop->implicit_tls && s->place.family != 0;
}

static void on_over(struct session *s, void *owner)
{
	struct route *r = owner;
	r->session = NULL;
	route_note_greeter(r, s);
	if (s->place.family != 0)
		dead_note(dial_dead(), &s->place, s->fault, loop_now_ms());
	/* A server that cannot resume what it said it would is no reason for less than TLS. */
	if (s->resuming && r->sessions < ROUTE_SESSIONS_MAX) {
		dial_again(&r->dial, &r->place);
		return;
	}
	if (may_try_in_clear(r, s)) {
		r->in_clear = true;
		r->sessions--;
		dial_again(&r->dial, &r->place);
		return;
	}
	route_note_session(r, s);
	r->in_clear = false;
	route_next(r);
}

static const struct session_events session_events = {.on_ready = on_ready, .on_over = on_over};

static void begin_session(struct route *r, int fd, const struct place *place)
{
	const struct session_setup setup = {
	    .fd = fd,
	    .hop = r->hop,
	    .policy = r->policy,
	    .expect = &r->expect,
	    .wish = r->wish,
	    .host = r->host,
	    .place = place,
	};
	r->sessions++;
	r->expect.address = place != NULL ? &r->place : NULL;
	r->expect.demand = r->in_clear ? TLS_DEMAND_CLEAR : r->demand;
	r->session = session_new(&setup, &session_events, r);
}

/* ---- connecting ------------------------------------------------------------------------ */

static void on_connected(struct dial *d, int fd, const struct place *place)
{
	struct route *r = CONTAINER(d, dial);
	r->places++;
	r->in_clear = r->in_clear && place_eq(place, &r->place);
	r->place = *place;
	begin_session(r, fd, &r->place);
}

static void on_fault(struct dial *d, const struct place *place, enum link_fault fault)
{
	struct route *r = CONTAINER(d, dial);
	r->places++;
	if (fault == LINK_SELF && r->hop->target.kind == NEXTHOP_DOMAIN)
		r->self = true;
	else
		route_note_connect(r, place, fault);
	if (route_is_looked_up(r) && r->host != NULL)
		diagnosis_note_link(r->host, fault);
}

static void cut_self(struct route *r)
{
	candidates_cut_self(&r->candidates, r->pool, r->next - 1, str_from_cstr(r->nexthop));
	r->self = false;
}

static void on_exhausted(struct dial *d)
{
	struct route *r = CONTAINER(d, dial);
	if (r->self)
		cut_self(r);
	next_host(r);
}

static const struct dial_events dial_events = {
    .on_connected = on_connected,
    .on_fault = on_fault,
    .on_exhausted = on_exhausted,
};

static void dial_places(struct route *r, const struct place *places, size_t count)
{
	size_t room = r->places < ROUTE_PLACES_MAX ? ROUTE_PLACES_MAX - r->places : 1;
	r->dial.policy = r->policy;
	r->dial.count = count < room ? count : room;
	memcpy(r->dial.places, places, r->dial.count * sizeof(*places));
	dial_start(&r->dial);
}

/* ---- one host ---------------------------------------------------------------------------- */

static bool is_self(const struct route *r, const struct lookup *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (policy_is_self(r->policy, &l->places[i], NULL))
			return true;
	return false;
}

static void on_lookup(struct lookup *l)
{
	struct route *r = CONTAINER(l, lookup);
	if (l->verdict == LOOKUP_DEFERRED) {
		route_note_host(r, LINK_DNS, l->status, l->text);
	} else if (l->verdict == LOOKUP_NOTHING) {
		/* Proven: as if it were not in the list, unless nobody else is there. */
		enum link_fault before = r->fault;
		bool passing = r->passing;
		route_note_host(r, LINK_DNS, l->status, l->text);
		r->fault = before;
		r->passing = passing;
	} else if (r->hop->target.kind == NEXTHOP_DOMAIN && is_self(r, l)) {
		cut_self(r);
	} else if (route_decide_tls(r, l)) {
		dial_places(r, l->places, l->count);
		return;
	}
	next_host(r);
}

static uint16_t port_of(const struct route *r)
{
	const struct nexthop *t = &r->hop->target;
	return t->protocol == NEXTHOP_SMTP && t->port == 25 ? r->policy->port : t->port;
}

static void next_host(struct route *r)
{
	r->skip = false;
	if (r->next >= r->candidates.count || r->hosts >= ROUTE_HOSTS_MAX ||
	    r->places >= ROUTE_PLACES_MAX || r->sessions >= ROUTE_SESSIONS_MAX) {
		end_of_hosts(r);
		return;
	}
	r->host = r->candidates.list[r->next++].host;
	r->hosts++;
	r->lookup.on_done = on_lookup;
	r->lookup.dns = r->dns;
	r->lookup.policy = r->policy;
	r->lookup.tls = r->hop->tls;
	r->lookup.wish = r->wish;
	r->lookup.named = r->hop->name_count > 0;
	r->lookup.domain_itself = r->candidates.implicit;
	r->lookup.name_secure = r->candidates.secure;
	r->lookup.v4_first = dead_is_family(dial_dead(), 6, loop_now_ms());
	r->lookup.chance = chance();
	lookup_start(&r->lookup, r->host, port_of(r));
}

/* ---- the kinds of targets ------------------------------------------------------------------ */

static void begin_candidates(struct route *r)
{
	if (r->candidates.verdict == CANDIDATES_FOUND)
		next_host(r);
	else
		end_of_hosts(r);
}

static void on_mx(void *ctx, const struct msg_mx_answer *m)
{
	struct route *r = ctx;
	const struct candidates_self self = {
	    str_from_cstr(r->policy->hostname), str_from_cstr(r->policy->helo)};
	r->mx_question = NULL;
	diagnosis_note_names(r->nexthop, m);
	candidates_from_mx(&r->candidates, r->pool, str_from_cstr(r->nexthop), m, &self, chance());
	begin_candidates(r);
}

static void begin_address(struct route *r)
{
	const struct nexthop *t = &r->hop->target;
	struct place place;
	if (place_from_octets(
		&place, t->family, str_from(t->address, t->family == 4 ? 4 : 16), port_of(r)) &&
	    route_decide_tls(r, NULL))
		dial_places(r, &place, 1);
	else
		end_of_hosts(r);
}

static void on_socket(void *ctx, int fd, int error)
{
	struct route *r = ctx;
	struct text text;
	r->socket_request = NULL;
	if (fd >= 0) {
		begin_session(r, fd, NULL);
		return;
	}
	text_clear(&text);
	text_printf(&text, "connect to the LMTP socket %s: %s", r->host, strerrordesc_np(error));
	route_note_host(r, LINK_SOCKET, fault_status(LINK_SOCKET), text_str(&text));
	end_of_hosts(r);
}

static void begin_socket(struct route *r)
{
	r->host = r->nexthop;
	route_expect_tls(r, NULL, TLS_DEMAND_CLEAR);
	r->socket_request = lmtp_connect(r->nexthop, on_socket, r);
}

void route_start(struct route *r, const struct route_events *events, struct hop *hop,
    enum tls_wish wish, struct policy *policy, struct dns_client *dns, struct tries *tries)
{
	memset(r, 0, sizeof(*r));
	r->tries = tries;
	r->events = events;
	r->hop = hop_hold(hop);
	r->wish = wish;
	r->policy = policy_hold(policy);
	r->dns = dns;
	r->pool = pool_new(ROUTE_SIZE_MAX);
	snprintf(r->nexthop, sizeof(r->nexthop), "%.*s", STR_ARG(hop->target.name));
	dial_init(&r->dial, &dial_events);
	switch (hop->target.kind) {
	case NEXTHOP_DOMAIN:
		r->mx_question = dns_client_ask_mx(dns, hop->target.name, on_mx, r);
		break;
	case NEXTHOP_HOST:
		candidates_from_host(&r->candidates, r->pool, hop->target.name);
		begin_candidates(r);
		break;
	case NEXTHOP_ADDRESS:
		begin_address(r);
		break;
	case NEXTHOP_SOCKET:
	case NEXTHOP_RELAY:
		begin_socket(r);
		break;
	}
}

void route_next(struct route *r)
{
	bool skip = r->skip;
	r->skip = false;
	if (r->hop->target.kind == NEXTHOP_SOCKET || (r->sessions >= ROUTE_SESSIONS_MAX && !skip)) {
		end_of_hosts(r);
	} else if (skip) {
		r->sessions--; /* each of them is to be asked (RFC 8689 §4.2.1) */
		dial_stop(&r->dial);
		next_host(r);
	} else {
		dial_next(&r->dial);
	}
}

void route_stop(struct route *r)
{
	if (r->hop == NULL)
		return;
	dns_client_forget(r->mx_question);
	r->mx_question = NULL;
	lmtp_forget(r->socket_request);
	r->socket_request = NULL;
	lookup_stop(&r->lookup);
	dial_stop(&r->dial);
	if (r->session != NULL)
		session_abort(r->session);
	r->session = NULL;
	pool_free(r->pool);
	policy_release(r->policy);
	hop_release(r->hop);
	r->hop = NULL;
}
