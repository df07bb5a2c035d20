/* SPDX-License-Identifier: ISC
 *
 * Invariants: a delivery waits for exactly one of directory (`query`), its route, or its session;
 * a recipient that is settled keeps its result; a delivery ends when all are, in finish().
 *
 * A recipient that may have been taken is never tried again here: queue decides that, and counts
 * it as a repeat (P3).
 */
#include "deliver-remote/delivery-internal.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "deliver-remote/idle.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

enum { DELIVERY_SIZE_MAX = 1024 * 1024 };

#define CONTAINER(pointer, field)                                                                  \
	((struct delivery *)(void *)((char *)(pointer)-offsetof(struct delivery, field)))

static TAILQ_HEAD(, delivery) deliveries = TAILQ_HEAD_INITIALIZER(deliveries);
static size_t count;
static struct policy *current;
static const struct delivery_setup *setup;
static bool stopping;

/* ---- the end ------------------------------------------------------------------------ */

static void free_delivery(struct delivery *d)
{
	TAILQ_REMOVE(&deliveries, d, link);
	count--;
	hops_forget(&d->query);
	route_stop(&d->route);
	if (d->session != NULL)
		session_abort(d->session);
	hop_release(d->hop);
	policy_release(d->policy);
	if (d->content.fd >= 0)
		close(d->content.fd);
	free(d->octets);
	pool_free(d->pool);
	free(d);
	if (count == 0)
		setup->on_idle();
}

static void send_results(struct delivery *d, enum remote_verdict verdict)
{
	uint64_t now_ms = loop_now_ms();
	uint64_t ready_ms = d->ready_ms != 0 ? d->ready_ms : now_ms;
	struct remote_result results[RECIPIENTS_PER_PACKET];
	for (size_t i = 0; i < d->to.targets_count; i++)
		results[i] = d->outcomes[i].result;
	const struct msg_remote_results m = {
	    .delivery = d->to.delivery,
	    .verdict = (uint8_t)verdict,
	    .tls = (uint8_t)d->tls,
	    .connect_ms = (uint32_t)(ready_ms - d->asked_ms),
	    .transmit_ms = (uint32_t)(now_ms - ready_ms),
	    .relay = d->relay[0] != '\0' ? str_from_cstr(d->relay) : STR("none"),
	    .results = results,
	    .results_count = d->to.targets_count,
	    .tried = d->tries.list,
	    .tried_count = d->tries.count,
	};
	setup->on_results(&m);
}

static void finish(struct delivery *d, enum remote_verdict verdict)
{
	if (d->answered)
		verdict = REMOTE_WORKS;
	else if (d->lost)
		verdict = REMOTE_FAILS;
	send_results(d, verdict);
	free_delivery(d);
}

/* ---- a session carries it -------------------------------------------------------------- */

static void go_on(struct delivery *d);

static void fill_mail(struct delivery *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->to.targets_count; i++) {
		const struct remote_target *t = &d->to.targets[i];
		if (d->outcomes[i].settled)
			continue;
		d->numbers[n] = i;
		d->recipients[n++] = (struct client_recipient){
		    .address = t->address, .orcpt = t->orcpt, .notify = t->notify};
	}
	d->mail = (struct client_mail){
	    .reverse_path = d->to.reverse_path,
	    .envid = d->to.envid,
	    .flags = d->to.flags,
	    .ret = d->to.ret,
	    .size = d->content.size,
	    .recipients = d->recipients,
	    .recipient_count = n,
	};
}

static void on_ready(struct session *s, void *owner);

static void on_over(struct session *s, void *owner)
{
	struct delivery *d = owner;
	(void)s;
	d->session = NULL;
	go_on(d);
}

static const struct session_events session_events = {
    .on_ready = on_ready,
    .on_result = delivery_on_result,
    .on_over = on_over,
};

static void send_mail(struct delivery *d, struct session *s)
{
	if (d->ready_ms == 0)
		d->ready_ms = loop_now_ms();
	d->session = s;
	d->again = d->anew = d->noted = false;
	d->transactions++;
	d->tls = s->tls_level;
	memcpy(d->relay, s->relay, sizeof(d->relay));
	fill_mail(d);
	session_set_owner(s, &session_events, d);
	session_send(s, &d->mail, &d->content);
}

static void on_ready(struct session *s, void *owner)
{
	struct delivery *d = owner;
	if (d->again && session_may_send(s)) {
		send_mail(d, s);
		return;
	}
	d->session = NULL;
	idle_give(s, current);
	go_on(d);
}

/* ---- on the way to a session ------------------------------------------------------------ */

static void on_session(struct route *r, struct session *s)
{
	send_mail(CONTAINER(r, route), s);
}

static void on_end(struct route *r)
{
	struct delivery *d = CONTAINER(r, route);
	for (size_t i = 0; i < d->to.targets_count; i++) {
		struct outcome *o = &d->outcomes[i];
		if (o->settled)
			continue;
		if (o->known) {
			o->result.tried = (uint8_t)d->tries.count;
			continue;
		}
		delivery_set_result(
		    d, i, r->end.outcome, str_from_cstr(r->end.status), text_str(&r->end.text));
		o->result.mta = delivery_keep(d, str_from_cstr(r->end.mta), DOMAIN_MAX);
		o->result.reply = delivery_keep(d, text_str(&r->end.reply), REMOTE_TEXT_MAX);
		o->result.tried = (uint8_t)r->end.tried;
	}
	finish(d, r->end.verdict);
}

static const struct route_events route_events = {.on_session = on_session, .on_end = on_end};

static void begin_route(struct delivery *d)
{
	route_stop(&d->route);
	d->routed = true;
	route_start(&d->route, &route_events, d->hop, d->policy, setup->dns, &d->tries);
}

/* Some wait for a further transaction, and the last one was not in vain. */
static bool may_go_on_anew(const struct delivery *d, size_t unsettled)
{
	return d->again && unsettled < d->mail.recipient_count;
}

/* A session is done with it: those that are not settled go to the next host. */
static void go_on(struct delivery *d)
{
	size_t unsettled = delivery_unsettled(d);
	if (unsettled == 0) {
		finish(d, REMOTE_UNKNOWN);
	} else if (may_go_on_anew(d, unsettled)) {
		begin_route(d);
	} else if (!d->routed || (d->anew && !d->began_anew)) {
		d->began_anew = true;
		begin_route(d);
	} else {
		route_next(&d->route);
	}
}

/* ---- what directory says ------------------------------------------------------------------ */

static void refuse(struct delivery *d, const struct hop *hop)
{
	size_t n = reply_enhanced(hop->text, 5);
	struct str status = n > 0 ? str_head(hop->text, n) : STR("5.4.4");
	delivery_settle_all(d, DELIVERY_FAILED, status,
	    hop->text.n > 0 ? hop->text : STR("there is no route for it"));
	finish(d, REMOTE_UNKNOWN);
}

static void take_hop(struct delivery *d, struct hop *hop)
{
	d->hop = hop;
	if (hop->verdict == HOP_REFUSED) {
		refuse(d, hop);
		return;
	}
	if (hop->verdict == HOP_TEMPORARY) {
		delivery_settle_all(d, DELIVERY_DEFERRED, STR("4.3.0"),
		    hop->text.n > 0 ? hop->text : STR("the route cannot be looked up now"));
		finish(d, REMOTE_UNKNOWN);
		return;
	}
	struct session *s = idle_take(hop);
	if (s != NULL)
		send_mail(d, s);
	else
		begin_route(d);
}

static void on_hop(struct hop_query *query, struct hop *hop)
{
	take_hop(CONTAINER(query, query), hop);
}

/* ---- the beginning -------------------------------------------------------------------------- */

static bool copy_target(
    struct pool *pool, struct remote_target *to, const struct remote_target *from)
{
	*to = *from;
	return pool_copy(pool, from->address, &to->address) &&
	       pool_copy(pool, from->orcpt, &to->orcpt);
}

static bool copy_order(struct delivery *d, const struct remote_delivery *from)
{
	size_t n = from->targets_count;
	d->to = *from;
	d->to.targets = pool_array(d->pool, n, sizeof(*d->to.targets));
	d->outcomes = pool_array(d->pool, n, sizeof(*d->outcomes));
	d->recipients = pool_array(d->pool, n, sizeof(*d->recipients));
	d->numbers = pool_array(d->pool, n, sizeof(*d->numbers));
	bool ok = d->to.targets != NULL && d->outcomes != NULL && d->recipients != NULL &&
		  d->numbers != NULL && pool_copy(d->pool, from->nexthop, &d->to.nexthop) &&
		  pool_copy(d->pool, from->reverse_path, &d->to.reverse_path) &&
		  pool_copy(d->pool, from->envid, &d->to.envid);
	for (size_t i = 0; i < n; i++)
		ok = ok && copy_target(d->pool, &d->to.targets[i], &from->targets[i]);
	return ok;
}

static struct delivery *new_delivery(const struct remote_delivery *to)
{
	struct delivery *d = xcalloc(1, sizeof(*d));
	d->pool = d->tries.pool = pool_new(DELIVERY_SIZE_MAX);
	d->policy = policy_hold(current);
	d->content.fd = -1;
	d->asked_ms = loop_now_ms();
	TAILQ_INSERT_TAIL(&deliveries, d, link);
	count++;
	if (!copy_order(d, to))
		log_fatal(EX_SOFTWARE, "an order is larger than a packet");
	return d;
}

static void begin(struct delivery *d)
{
	struct hop *hop;
	if (stopping) {
		delivery_settle_all(
		    d, DELIVERY_DEFERRED, STR("4.3.2"), STR("this server is stopping"));
		finish(d, REMOTE_UNKNOWN);
		return;
	}
	hop = hops_ask(&d->query, d->to.nexthop);
	if (hop != NULL)
		take_hop(d, hop);
}

void delivery_start(const struct remote_delivery *to, struct str content)
{
	struct delivery *d = new_delivery(to);
	d->octets = xmalloc(content.n + 1);
	if (content.n > 0)
		memcpy(d->octets, content.p, content.n);
	d->content.octets = d->octets;
	d->content.size = content.n;
	begin(d);
}

void delivery_start_large(const struct remote_delivery *to, int fd, uint64_t size)
{
	struct delivery *d = new_delivery(to);
	d->content.fd = fd;
	d->content.size = size;
	begin(d);
}

/* ---- all of them ------------------------------------------------------------------------------
 */

/* What was learnt of routes may be wrong now, and with it what sessions are good for. */
static void on_hops_changed(void)
{
	idle_quit(current);
}

void deliveries_init(const struct delivery_setup *s)
{
	setup = s;
	hops_init(on_hop, on_hops_changed);
}

void deliveries_set_policy(struct policy *policy)
{
	policy_release(current);
	current = policy;
	idle_quit(current);
}

void deliveries_abort(void)
{
	struct delivery *d;
	while ((d = TAILQ_FIRST(&deliveries)) != NULL)
		free_delivery(d);
}

void deliveries_stop(void)
{
	stopping = true;
	idle_quit(NULL);
}

size_t deliveries_count(void)
{
	return count;
}

void deliveries_tick(uint64_t now_ms)
{
	hops_tick(now_ms);
}

void deliveries_connect_directory(int fd)
{
	hops_connect(fd);
}
