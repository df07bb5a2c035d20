/* SPDX-License-Identifier: ISC
 *
 * directory's edges: RCPT checks for smtpd, routes for queue, what to do at a
 * nexthop for deliver-remote, passwords for pop3d, grants to pop3d-session. main.c puts it into its
 * jail; the tests call it directly.
 */
#ifndef POSTERN_DIRECTORY_SERVER_H
#define POSTERN_DIRECTORY_SERVER_H

#include "common/channel.h"
#include "common/conf.h"
#include "common/wiring.h"
#include "directory/expand.h"
#include "directory/guess-key.h"

/* `dirfd` is the tables' directory; the server's from now on. A configuration must live until the
 * next one, or server_end. */
void server_start(const struct conf *conf, int dirfd);
void server_peer(enum edge_id edge, unsigned instance, int fd);
void server_reload(const struct conf *conf);
/* Frees everything (for the tests). */
void server_end(void);
/* Before server_start: the jail's root is a directory to keep things in over a restart. */
void server_set_state(bool there_is_one);

/* One connected program. */
struct peer {
	struct peer *next;
	enum edge_id edge;
	unsigned instance;
	uint64_t serial; /* never used twice; what outlives a peer keeps this, no pointer */
	struct channel *channel;
	size_t exchanges; /* logins under way */
	size_t logins;	  /* of these, passwords that wait or are being hashed */
};

/* For answer-*.c. */
struct live *server_live(void);
const struct expand_rules *server_rules(void);
uint32_t server_generation(void);
struct peer *server_find_serial(uint64_t serial);
/* The first peer on that edge, NULL when there is none. */
struct peer *server_find_edge(enum edge_id edge);
size_t server_count_edge(enum edge_id edge);
bool server_keeps_state(void);
/* `client` as in messages, and what the configuration says of it. */
struct guess_source server_source(struct str client);
/* In the "networks". */
bool server_is_own(const struct guess_source *from);

/* answer-rcpt.c */
bool answer_rcpt_query(void *peer, const struct msg_rcpt_query *m, int *fds);
struct msg_address_query;
bool answer_address_query(void *peer, const struct msg_address_query *m, int *fds);
void answer_rcpt_end(void);
/* answer-sender.c */
bool answer_sender_query(void *peer, const struct msg_sender_query *m, int *fds);
void answer_sender_start(void);
void answer_sender_end(void);
struct usage;
struct usage *answer_sender_usage(void);
/* answer-hop.c */
struct msg_hop_query;
bool answer_hop_query(void *peer, const struct msg_hop_query *m, int *fds);
void answer_hop_end(void);
/* answer-auth.c */
struct msg_auth_begin;
struct msg_auth_response;
struct msg_auth_abort;
struct msg_login_begin;
struct msg_login_response;
struct msg_login_abort;
void answer_auth_start(const struct conf *conf);
void answer_auth_reload(const struct conf *conf);
void answer_auth_end(void);
/* What the peer may offer its clients. */
void answer_auth_send_offer(struct peer *peer);
/* The peer is going: nobody waits for its answers. */
void answer_auth_forget(const struct peer *peer);
bool answer_auth_begin(void *peer, const struct msg_auth_begin *m, int *fds);
bool answer_auth_response(void *peer, const struct msg_auth_response *m, int *fds);
bool answer_auth_abort(void *peer, const struct msg_auth_abort *m, int *fds);
bool answer_login_begin(void *peer, const struct msg_login_begin *m, int *fds);
bool answer_login_response(void *peer, const struct msg_login_response *m, int *fds);
bool answer_login_abort(void *peer, const struct msg_login_abort *m, int *fds);
/* auth-verify.c */
struct guesses;
struct guesses *auth_verify_guesses(void);
/* Another bound of the queue from the next start on, for the tests. */
void auth_verify_set_queue(size_t max);
/* The tables changed: nothing is remembered. */
void auth_verify_on_tables(void);

#endif
