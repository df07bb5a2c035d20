/* SPDX-License-Identifier: ISC
 *
 * Invariant: a pending question is on its peer's list as long as it waits in lookups.c; with
 * the peer go its questions. A question that names nothing costs the peer its channel.
 */
#include "resolver/server.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-remote-resolver.h"
#include "resolver/lookups.h"
#include "resolver/server-answer.h"

#include <stdlib.h>
#include <unistd.h>

struct pending {
	struct asker asker; /* first */
	TAILQ_ENTRY(pending) link;
	struct peer *peer;
	uint32_t cookie;
};

struct peer {
	TAILQ_ENTRY(peer) link;
	unsigned instance;
	struct channel *channel;
	size_t count;
	TAILQ_HEAD(, pending) questions;
};

static struct {
	TAILQ_HEAD(, peer) peers;
	const struct anchor *anchor;
	uint64_t timeout_ms;
	struct asker upkeep;
	struct event *upkeep_timer;
} server = {.peers = TAILQ_HEAD_INITIALIZER(server.peers)};

/* --- Answers --- */

static void forget_pending(struct pending *p)
{
	lookups_forget(&p->asker);
	TAILQ_REMOVE(&p->peer->questions, p, link);
	p->peer->count--;
	free(p);
}

/* The root's keys are looked at so that libunbound sees new ones in time (RFC 5011 §2.3). */
static void on_upkeep_answer(const struct answer *answer)
{
	struct log_event ev;
	loop_timer_start(
	    server.upkeep_timer, answer->state == DNS_OK ? UPKEEP_MS : UPKEEP_AGAIN_MS);
	if (answer->state == DNS_OK && answer->secure) {
		log_message(LOG_INFO, "trust anchor: the root's keys are as they should be");
		return;
	}
	log_begin(&ev, LOG_WARNING, (struct str){NULL, 0});
	log_str(&ev, "trust anchor", STR("the root's keys cannot be validated"));
	log_note(&ev, answer->state == DNS_OK ? STR("they are not signed") : answer->why);
	log_end(&ev);
}

static void on_answer(struct asker *asker, const struct question *q, const struct answer *answer)
{
	struct pending *p = (struct pending *)asker;
	if (asker == &server.upkeep) {
		on_upkeep_answer(answer);
		return;
	}
	server_answer(p->peer->channel, p->cookie, q->type, answer);
	forget_pending(p);
}

/* --- Questions --- */

static bool ask(struct peer *peer, uint32_t cookie, const struct question *q)
{
	if (peer->count >= PEER_QUESTIONS_MAX) {
		const struct answer answer =
		    answer_temporary(q, STR("too many questions of one program are under way"));
		server_answer(peer->channel, cookie, q->type, &answer);
		return true;
	}
	struct pending *p = xcalloc(1, sizeof(*p));
	p->peer = peer;
	p->cookie = cookie;
	TAILQ_INSERT_TAIL(&peer->questions, p, link);
	peer->count++;
	lookups_ask(q, &p->asker, loop_now_ms() + server.timeout_ms);
	return true;
}

static bool on_mx_query(void *peer, const struct msg_mx_query *m, int *fds)
{
	struct question q;
	(void)fds;
	return question_host(RR_MX, m->domain, &q) && ask(peer, m->cookie, &q);
}

static bool on_ip_query(void *peer, const struct msg_ip_query *m, int *fds)
{
	struct question q;
	(void)fds;
	return question_address(m->family, m->host, &q) && ask(peer, m->cookie, &q);
}

static bool on_tlsa_query(void *peer, const struct msg_tlsa_query *m, int *fds)
{
	struct question q;
	(void)fds;
	return question_tlsa(m->port, m->host, &q) && ask(peer, m->cookie, &q);
}

static bool on_txt_query(void *peer, const struct msg_txt_query *m, int *fds)
{
	struct question q;
	(void)fds;
	return question_host(RR_TXT, m->name, &q) && ask(peer, m->cookie, &q);
}

static bool on_ptr_query(void *peer, const struct msg_ptr_query *m, int *fds)
{
	struct question q;
	(void)fds;
	return question_ptr(m->address, &q) && ask(peer, m->cookie, &q);
}

static const struct remote_resolver_server_handlers handlers = {
    .mx_query = on_mx_query,
    .ip_query = on_ip_query,
    .tlsa_query = on_tlsa_query,
    .txt_query = on_txt_query,
    .ptr_query = on_ptr_query,
};

/* --- Peers --- */

static void remove_peer(struct peer *peer)
{
	while (!TAILQ_EMPTY(&peer->questions))
		forget_pending(TAILQ_FIRST(&peer->questions));
	TAILQ_REMOVE(&server.peers, peer, link);
	channel_free(peer->channel);
	free(peer);
}

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct peer *peer = ctx;
	log_message(channel_loss_level(channel), "the channel to deliver-remote %u is closed: %s",
	    peer->instance, why);
	remove_peer(peer);
}

static void drop_older(unsigned instance)
{
	for (struct peer *p = TAILQ_FIRST(&server.peers), *next; p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->instance == instance)
			remove_peer(p);
	}
}

void server_peer(enum edge_id edge, unsigned instance, int fd)
{
	if (edge != EDGE_remote_resolver) {
		log_message(
		    LOG_ERR, "control sent an end of edge %d, which is not resolver's", (int)edge);
		close(fd);
		return;
	}
	drop_older(instance);
	struct peer *peer = xcalloc(1, sizeof(*peer));
	peer->instance = instance;
	TAILQ_INIT(&peer->questions);
	peer->channel = channel_new(fd, &remote_resolver_server, &handlers, peer, on_closed);
	TAILQ_INSERT_TAIL(&server.peers, peer, link);
}

/* --- Configuration --- */

static void look_at_root_keys(void *ctx)
{
	const struct question q = {.type = RR_DNSKEY};
	(void)ctx;
	lookups_ask(&q, &server.upkeep, loop_now_ms() + server.timeout_ms);
}

static void say_mode(const struct conf_resolver *conf)
{
	const char *validation = conf->validate ? "validated (DNSSEC)" : "not validated";
	if (conf->forwarders.count == 0)
		log_message(LOG_INFO, "answers come from the root on, and are %s", validation);
	else
		log_message(LOG_INFO, "answers come from %s%s, and are %s",
		    conf->forwarders.list[0], conf->forwarders.count > 1 ? " and others" : "",
		    validation);
}

static bool use(const struct conf_resolver *conf)
{
	struct upstream *fresh = upstream_new(conf, server.anchor, lookups_on_answer);
	if (fresh == NULL)
		return false;
	say_mode(conf);
	server.timeout_ms = (uint64_t)conf->timeout * 1000;
	lookups_forget(&server.upkeep);
	loop_timer_stop(server.upkeep_timer);
	if (conf->validate && server.anchor->writable)
		loop_timer_start(server.upkeep_timer, 0);
	lookups_use(fresh);
	return true;
}

bool server_start(const struct conf *conf, const struct anchor *anchor)
{
	server.anchor = anchor;
	server.upkeep_timer = loop_timer(look_at_root_keys, NULL);
	lookups_start(on_answer);
	return use(&conf->resolver);
}

void server_reload(const struct conf *conf)
{
	lookups_forget(&server.upkeep);
	if (!anchor_is_same(server.anchor, &conf->resolver))
		log_message(LOG_WARNING, "\"trust-anchor\" changed, which takes a restart: "
					 "`postern stop`, `postern start`");
	else if (!use(&conf->resolver))
		log_message(LOG_ERR, "name servers are asked as before");
}

void server_end(void)
{
	while (!TAILQ_EMPTY(&server.peers))
		remove_peer(TAILQ_FIRST(&server.peers));
	lookups_forget(&server.upkeep);
	lookups_end();
	event_free(server.upkeep_timer);
}
