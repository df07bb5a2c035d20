/* SPDX-License-Identifier: ISC
 *
 * The peers, the rules of the configuration, and the generation that tells the others
 * how long they may keep an answer.
 */
#include "directory/server.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-queue-directory.h"
#include "common/msg-remote-directory.h"
#include "directory/limit-notices.h"
#include "directory/live.h"
#include "directory/pam-client.h"
#include "directory/rules.h"
#include "directory/system-users.h"

#include <netinet/in.h>
#include <stdlib.h>

static struct live *live;
static struct peer *peers;
static uint64_t last_serial;
static uint32_t generation;
static struct expand_rules rules;
static struct pool *rules_pool;
static char *tables_path;
static bool keeps_state;

struct live *server_live(void)
{
	return live;
}

const struct expand_rules *server_rules(void)
{
	return &rules;
}

uint32_t server_generation(void)
{
	return generation;
}

struct peer *server_find_serial(uint64_t serial)
{
	struct peer *p = peers;
	while (p != NULL && p->serial != serial)
		p = p->next;
	return p;
}

struct peer *server_find_edge(enum edge_id edge)
{
	struct peer *p = peers;
	while (p != NULL && p->edge != edge)
		p = p->next;
	return p;
}

size_t server_count_edge(enum edge_id edge)
{
	size_t n = 0;
	for (const struct peer *p = peers; p != NULL; p = p->next)
		n += p->edge == edge;
	return n;
}

void server_set_state(bool there_is_one)
{
	keeps_state = there_is_one;
}

bool server_keeps_state(void)
{
	return keeps_state;
}

typedef bool network_fn(const struct conf *conf, const struct sockaddr *client);

static bool is_in(const struct guess_source *from, network_fn *networks)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bool v4 = from->size == sizeof(in.sin_addr);
	if (from->size == 0 || rules.conf == NULL)
		return false;
	memcpy(&in.sin_addr, from->address, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, from->address, sizeof(in6.sin6_addr));
	return networks(rules.conf, v4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6);
}

bool server_is_own(const struct guess_source *from)
{
	return is_in(from, conf_is_own_network);
}

struct guess_source server_source(struct str client)
{
	struct guess_source from = guess_source_parse(client);
	from.shared = is_in(&from, conf_is_front_end);
	return from;
}

static void send_generation(struct peer *p)
{
	const struct msg_directory_generation answers = {.generation = generation};
	const struct msg_routes_changed routes = {.generation = generation};
	const struct msg_hops_changed hops = {.generation = generation};
	if (p->edge == EDGE_smtpd_directory)
		msg_directory_generation_send(p->channel, &answers, NULL);
	else if (p->edge == EDGE_queue_directory)
		msg_routes_changed_send(p->channel, &routes, NULL);
	else if (p->edge == EDGE_remote_directory)
		msg_hops_changed_send(p->channel, &hops, NULL);
	answer_auth_send_offer(p);
}

static void new_generation(void)
{
	generation++;
	auth_verify_on_tables();
	for (struct peer *p = peers; p != NULL; p = p->next)
		send_generation(p);
}

static void on_tables_changed(void *ctx)
{
	(void)ctx;
	new_generation();
}

static void remove_peer(struct peer *gone)
{
	struct peer **at = &peers;
	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	answer_auth_forget(gone);
	channel_free(gone->channel);
	free(gone);
}

static const char *who_is_at(enum edge_id edge)
{
	static const char *const names[EDGE_COUNT] = {
#define PROGRAM(id, file, user, instances)
#define EDGE(id, client, server)                                                                   \
	[EDGE_##id] = PROGRAM_##client == PROGRAM_directory ? #server : #client,
#include "common/wiring.def"
#undef PROGRAM
#undef EDGE
	};
	return names[edge];
}

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct peer *p = ctx;
	enum edge_id edge = p->edge;
	log_message(channel_loss_level(channel), "the channel to %s %u is closed: %s",
	    who_is_at(p->edge), p->instance, why);
	remove_peer(p);
	if (edge == EDGE_queue_directory)
		limit_notices_lost();
}

static const struct smtpd_directory_server_handlers smtpd_handlers = {
    .rcpt_query = answer_rcpt_query,
    .auth_begin = answer_auth_begin,
    .auth_response = answer_auth_response,
    .auth_abort = answer_auth_abort,
    .sender_query = answer_sender_query,
};
static const struct queue_directory_server_handlers queue_handlers = {
    .address_query = answer_address_query,
    .limit_told = limit_notices_told,
};
static const struct remote_directory_server_handlers remote_handlers = {
    .hop_query = answer_hop_query,
};
static const struct pop3d_directory_server_handlers pop3d_handlers = {
    .login_begin = answer_login_begin,
    .login_response = answer_login_response,
    .login_abort = answer_login_abort,
};
static const struct directory_session_client_handlers session_handlers;

static const struct {
	enum edge_id edge;
	const struct edge_side *side;
	const void *handlers;
} edges[] = {
    {EDGE_smtpd_directory, &smtpd_directory_server, &smtpd_handlers},
    {EDGE_queue_directory, &queue_directory_server, &queue_handlers},
    {EDGE_remote_directory, &remote_directory_server, &remote_handlers},
    {EDGE_pop3d_directory, &pop3d_directory_server, &pop3d_handlers},
    {EDGE_directory_session, &directory_session_client, &session_handlers},
};

static void drop_older(enum edge_id edge, unsigned instance)
{
	for (struct peer *p = peers, *next; p != NULL; p = next) {
		next = p->next;
		if (p->edge == edge && p->instance == instance)
			remove_peer(p);
	}
}

void server_peer(enum edge_id edge, unsigned instance, int fd)
{
	size_t i = 0;
	if (edge == EDGE_directory_users) {
		system_users_peer(fd);
		return;
	}
	if (edge == EDGE_directory_pam) {
		pam_client_peer(fd);
		return;
	}
	while (i < sizeof(edges) / sizeof(edges[0]) && edges[i].edge != edge)
		i++;
	if (i == sizeof(edges) / sizeof(edges[0])) {
		log_message(
		    LOG_ERR, "control sent an end of edge %d, which is not directory's", (int)edge);
		evutil_closesocket(fd);
		return;
	}
	drop_older(edge, instance);
	struct peer *p = xcalloc(1, sizeof(*p));
	*p = (struct peer){
	    .next = peers, .edge = edge, .instance = instance, .serial = ++last_serial};
	p->channel = channel_new(fd, edges[i].side, edges[i].handlers, p, on_closed);
	peers = p;
	send_generation(p);
	if (edge == EDGE_queue_directory)
		limit_notices_run();
}

static void take_rules(const struct conf *conf)
{
	pool_reset(rules_pool);
	if (!rules_from_conf(conf, rules_pool, &rules))
		log_message(
		    LOG_WARNING, "the configuration's postmaster is no address; it is left out");
}

void server_start(const struct conf *conf, int dirfd)
{
	/* Never a number that a directory before this one has used. */
	generation = (uint32_t)(loop_wall_ms() / 1000);
	rules_pool = pool_new(RULES_POOL_MAX);
	take_rules(conf);
	tables_path = xstrdup(conf->tables);
	system_users_start(new_generation);
	pam_client_start();
	live = live_new(dirfd, on_tables_changed, NULL);
	answer_auth_start(conf);
	answer_sender_start();
}

void server_reload(const struct conf *conf)
{
	if (strcmp(conf->tables, tables_path) != 0)
		log_message(LOG_WARNING,
		    "\"tables\" changed, which takes a restart: `postern stop`, `postern start`");
	take_rules(conf);
	answer_auth_reload(conf);
	new_generation();
}

void server_end(void)
{
	while (peers != NULL)
		remove_peer(peers);
	pam_client_end();
	system_users_end();
	answer_auth_end();
	answer_rcpt_end();
	answer_sender_end();
	answer_hop_end();
	live_free(live);
	pool_free(rules_pool);
	free(tables_path);
}
