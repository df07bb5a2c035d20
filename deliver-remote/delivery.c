/* SPDX-License-Identifier: ISC
 *
 * Invariants: a delivery waits for exactly one of directory (`query`), its route, or its session;
 * a recipient that is settled keeps its result; a delivery ends when all are, in delivery_finish().
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
const struct delivery_setup *delivery_setup;
static bool stopping;

/* ---- the end ------------------------------------------------------------------------ */

void delivery_free(struct delivery *d)
{
	TAILQ_REMOVE(&deliveries, d, link);
	count--;
	hops_forget(&d->query);
	route_stop(&d->route);
	delivery_leave_session(d);
	hop_release(d->hop);
	policy_release(d->policy);
	if (d->content.fd >= 0)
		close(d->content.fd);
	free(d->octets);
	pool_free(d->pool);
	free(d);
	if (count == 0)
		delivery_setup->on_idle();
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
	delivery_setup->on_results(&m);
}

void delivery_finish(struct delivery *d, enum remote_verdict verdict)
{
	if (d->answered)
		verdict = REMOTE_WORKS;
	else if (d->lost)
		verdict = REMOTE_FAILS;
	send_results(d, verdict);
	delivery_free(d);
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

/* Not when one of its recipients may go elsewhere next: that would be one more session. */
static void on_sent(struct session *s, void *owner)
{
	struct delivery *d = owner;
	if (stopping || d->offered || d->again || d->anew || d->noted ||
	    s->wish == TLS_WISH_OPTIONAL || s->policy != current)
		return;
	d->offered = true;
	delivery_setup->on_content_sent(d->to.delivery);
}

static void on_passed_on(struct session *s, void *owner)
{
	struct delivery *d = owner;
	(void)s;
	delivery_part(d, d->follower);
	d->session = NULL;
	go_on(d);
}

static const struct session_events session_events = {
    .on_ready = on_ready,
    .on_result = delivery_on_result,
    .on_over = on_over,
    .on_sent = on_sent,
    .on_passed_on = on_passed_on,
    .on_given_up = delivery_on_given_up,
};

void delivery_prepare_mail(struct delivery *d, struct session *s)
{
	if (d->ready_ms == 0)
		d->ready_ms = loop_now_ms();
	d->session = s;
	d->again = d->anew = d->noted = false;
	d->transactions++;
	d->tls = s->tls_level;
	memcpy(d->relay, s->relay, sizeof(d->relay));
	fill_mail(d);
}

static void send_mail(struct delivery *d, struct session *s)
{
	delivery_prepare_mail(d, s);
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

static void begin_route(struct delivery *d);

static void on_end(struct route *r)
{
	struct delivery *d = CONTAINER(r, route);
	if (delivery_relax(d)) {
		begin_route(d);
		return;
	}
	delivery_take_end(d, &r->end);
	delivery_finish(d, r->end.verdict);
}

static const struct route_events route_events = {.on_session = on_session, .on_end = on_end};

static void begin_route(struct delivery *d)
{
	route_stop(&d->route);
	d->routed = true;
	route_start(
	    &d->route, &route_events, d->hop, d->wish, d->policy, delivery_setup->dns, &d->tries);
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
		delivery_finish(d, REMOTE_UNKNOWN);
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
	delivery_finish(d, REMOTE_UNKNOWN);
}

static void take_hop(struct delivery *d, struct hop *hop)
{
	delivery_set_hop(d, hop);
	if (hop->verdict == HOP_REFUSED) {
		refuse(d, hop);
		return;
	}
	if (hop->verdict == HOP_TEMPORARY) {
		delivery_settle_all(d, DELIVERY_DEFERRED, STR("4.3.0"),
		    hop->text.n > 0 ? hop->text : STR("the route cannot be looked up now"));
		delivery_finish(d, REMOTE_UNKNOWN);
		return;
	}
	struct session *s = idle_take(hop, d->wish);
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

static struct delivery *new_delivery(const struct remote_delivery *to)
{
	struct delivery *d = xcalloc(1, sizeof(*d));
	d->pool = d->tries.pool = pool_new(DELIVERY_SIZE_MAX);
	d->policy = policy_hold(current);
	d->content.fd = -1;
	d->asked_ms = loop_now_ms();
	TAILQ_INSERT_TAIL(&deliveries, d, link);
	count++;
	if (!delivery_copy_order(d, to))
		log_fatal(EX_SOFTWARE, "an order is larger than a packet");
	return d;
}

static struct delivery *find(uint64_t delivery)
{
	struct delivery *d;
	TAILQ_FOREACH(d, &deliveries, link)
	if (d->to.delivery == delivery)
		break;
	return d;
}

static void begin(struct delivery *d)
{
	struct hop *hop;
	struct delivery *leader;
	if (stopping) {
		delivery_settle_all(
		    d, DELIVERY_DEFERRED, STR("4.3.2"), STR("this server is stopping"));
		delivery_finish(d, REMOTE_UNKNOWN);
		return;
	}
	leader = d->to.behind != 0 ? find(d->to.behind) : NULL;
	if (leader != NULL) {
		delivery_follow(d, leader);
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
	delivery_setup = s;
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
		delivery_free(d);
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

/* The verdict that it waits for is late: that is no reason to keep it here. */
static void give_back_late(uint64_t now_ms)
{
	struct delivery *d, *next;
	for (d = TAILQ_FIRST(&deliveries); d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		if (d->leader != NULL && d->asked_ms + DELIVERY_AHEAD_MS <= now_ms)
			delivery_give_back(d);
	}
}

void deliveries_tick(uint64_t now_ms)
{
	give_back_late(now_ms);
	hops_tick(now_ms);
}

void deliveries_connect_directory(int fd)
{
	hops_connect(fd);
}
