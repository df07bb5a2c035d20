/* SPDX-License-Identifier: ISC
 *
 * Invariants: a delivery waits for exactly one of directory (`query`), its route, or its session;
 * a recipient that is settled keeps its result; a delivery ends when all are, in finish().
 *
 * A recipient that may have been taken is never tried again here: queue decides that, and counts
 * it as a repeat (P3).
 */
#include "deliver-remote/delivery.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "deliver-remote/idle.h"
#include "deliver-remote/route.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	DELIVERY_SIZE_MAX = 1024 * 1024,
	TRANSACTIONS_MAX = RECIPIENTS_PER_PACKET, /* one recipient each is the least */
};

struct outcome {
	struct remote_result result; /* strings in the pool */
	bool settled;
	bool known; /* there is a result, but another host may be asked first */
};

struct delivery {
	TAILQ_ENTRY(delivery) link;
	struct pool *pool;
	struct policy *policy;
	struct remote_delivery to;
	struct content content;
	uint8_t *octets; /* the content in memory */
	struct hop_query query;
	struct hop *hop;
	struct route route;
	bool routed; /* the route has begun */
	bool began_anew;
	struct session *session;

	struct outcome *outcomes;
	struct client_recipient *recipients; /* of the mail under way */
	size_t *numbers;		     /* which target each of them is */
	struct client_mail mail;
	unsigned transactions;
	bool again;	 /* some may be sent in a further transaction */
	bool anew;	 /* the session was idle for too long: this try does not count */
	bool noted;	 /* why others follow */
	bool answered;	 /* a server answered for recipients */
	bool lost;	 /* one did not */
	uint64_t asked_ms, ready_ms;
	enum remote_tls tls;
	char relay[RELAY_MAX + 1];
};

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

/* ---- results ------------------------------------------------------------------------- */

static struct str keep(struct delivery *d, struct str s, size_t max)
{
	struct str out;
	return pool_copy(d->pool, str_head(s, max), &out) ? out : STR("");
}

static void set_result(struct delivery *d, size_t target, enum delivery_outcome outcome,
    struct str status, struct str text)
{
	struct outcome *o = &d->outcomes[target];
	o->result = (struct remote_result){
	    .number = d->to.targets[target].number,
	    .outcome = (uint8_t)outcome,
	    .status = keep(d, status, ENHANCED_CODE_MAX),
	    .text = keep(d, text, REASON_MAX),
	};
	o->known = true;
}

static void settle_all(
    struct delivery *d, enum delivery_outcome outcome, struct str status, struct str text)
{
	for (size_t i = 0; i < d->to.targets_count; i++) {
		if (!d->outcomes[i].known)
			set_result(d, i, outcome, status, text);
		d->outcomes[i].settled = true;
	}
}

static bool is_settled(const struct delivery *d)
{
	for (size_t i = 0; i < d->to.targets_count; i++)
		if (!d->outcomes[i].settled)
			return false;
	return true;
}

/* ---- a session carries it -------------------------------------------------------------- */

static void go_on(struct delivery *d);

static void describe(
    struct delivery *d, const struct session *s, const struct client_result *r, struct text *t)
{
	const char *command = r->command != NULL ? r->command : "";
	text_clear(t);
	if (r->outcome == DELIVERY_TAKEN && r->reply.n > 0) {
		text_add(t, r->reply);
		return;
	}
	if (r->reply.n > 0)
		text_printf(t, "host %s said: %.*s (in reply to %s)", s->label, STR_ARG(r->reply),
		    command);
	else
		text_printf(t, "%s: %.*s", s->label, STR_ARG(r->text));
	if (d->routed)
		text_add(t, route_others(&d->route));
}

static bool is_loss(const struct client_result *r)
{
	return r->cause == CLIENT_LOST || r->cause == CLIENT_SHUTTING_DOWN ||
	       r->cause == CLIENT_TIMED_OUT;
}

/* A session that had been idle and turns out to be at its end proves nothing. */
static bool proves_nothing(
    const struct delivery *d, const struct session *s, const struct client_result *r)
{
	return s->reused && !d->began_anew && r->outcome == DELIVERY_DEFERRED && !r->maybe_taken &&
	       (is_loss(r) || r->next_host);
}

static void note_verdict(struct delivery *d, const struct client_result *r)
{
	if (r->cause == CLIENT_OWN_FAULT)
		return;
	bool answer = r->cause == CLIENT_NO_FAILURE || r->cause == CLIENT_UNSENDABLE ||
		      r->cause == CLIENT_OVER_LIMIT ||
		      (r->cause == CLIENT_REFUSED && !r->next_host);
	d->answered = d->answered || answer;
	d->lost = d->lost || !answer;
}

static void on_result(
    struct session *s, void *owner, size_t recipient, const struct client_result *r)
{
	struct delivery *d = owner;
	size_t target = d->numbers[recipient];
	struct outcome *o = &d->outcomes[target];
	struct text text;
	if (r->again && d->transactions < TRANSACTIONS_MAX) {
		d->again = true;
		return;
	}
	if (proves_nothing(d, s, r)) {
		d->anew = true;
		return;
	}
	note_verdict(d, r);
	describe(d, s, r, &text);
	set_result(d, target, r->outcome, r->status, text_str(&text));
	o->result.mta = keep(d, session_mta(s), DOMAIN_MAX);
	o->result.reply = keep(d, r->reply, REMOTE_TEXT_MAX);
	o->result.dsn_passed = r->dsn_passed;
	o->settled = !(r->outcome == DELIVERY_DEFERRED && r->next_host && !r->maybe_taken);
	if (!o->settled && d->routed && !d->noted)
		route_note(&d->route, s, r->reply.n > 0 ? r->reply : r->text);
	d->noted = d->noted || !o->settled;
}

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
	d->anew = d->anew || d->again;
	go_on(d);
}

static const struct session_events session_events = {
    .on_ready = on_ready,
    .on_result = on_result,
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
	d->anew = d->anew || d->again;
	idle_give(s, current);
	go_on(d);
}

/* ---- on the way to a session ------------------------------------------------------------ */

static void on_session(struct route *r, struct session *s)
{
	send_mail(CONTAINER(r, route), s);
}

/* What the last host that answered said stands first. */
static void add_end(struct delivery *d, struct remote_result *result, const struct route_end *end)
{
	struct text text;
	text_clear(&text);
	text_add(&text, result->text);
	text_add(&text, STR("; after that "));
	text_add(&text, text_str(&end->text));
	result->text = keep(d, text_str(&text), REASON_MAX);
}

static void on_end(struct route *r)
{
	struct delivery *d = CONTAINER(r, route);
	for (size_t i = 0; i < d->to.targets_count; i++) {
		struct outcome *o = &d->outcomes[i];
		if (o->settled)
			continue;
		if (o->known) {
			add_end(d, &o->result, &r->end);
			continue;
		}
		set_result(d, i, r->end.outcome, str_from_cstr(r->end.status),
		    text_str(&r->end.text));
		o->result.mta = keep(d, str_from_cstr(r->end.mta), DOMAIN_MAX);
		o->result.reply = keep(d, text_str(&r->end.reply), REMOTE_TEXT_MAX);
	}
	finish(d, r->end.verdict);
}

static const struct route_events route_events = {.on_session = on_session, .on_end = on_end};

static void begin_route(struct delivery *d)
{
	route_stop(&d->route);
	d->routed = true;
	route_start(&d->route, &route_events, d->hop, d->policy, setup->dns);
}

/* A session is done with it: those that are not settled go to the next host. */
static void go_on(struct delivery *d)
{
	if (is_settled(d)) {
		finish(d, REMOTE_UNKNOWN);
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
	settle_all(d, DELIVERY_FAILED, status,
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
		settle_all(d, DELIVERY_DEFERRED, STR("4.3.0"),
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

static bool copy_target(struct pool *pool, struct remote_target *to, const struct remote_target *from)
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
	d->pool = pool_new(DELIVERY_SIZE_MAX);
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
		settle_all(d, DELIVERY_DEFERRED, STR("4.3.2"), STR("this server is stopping"));
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

/* ---- all of them ------------------------------------------------------------------------------ */

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
