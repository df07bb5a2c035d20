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

/* `dirfd` is the tables' directory; the server's from now on. A configuration must live until the
 * next one, or server_end. */
void server_start(const struct conf *conf, int dirfd);
void server_peer(enum edge_id edge, unsigned instance, int fd);
void server_reload(const struct conf *conf);
/* Frees everything (for the tests). */
void server_end(void);

/* One connected program. */
struct peer {
	struct peer *next;
	enum edge_id edge;
	unsigned instance;
	uint64_t serial; /* never used twice; what outlives a peer keeps this, no pointer */
	struct channel *channel;
	size_t logins; /* being checked for it */
};

/* For answer-*.c. */
struct live *server_live(void);
const struct expand_rules *server_rules(void);
uint32_t server_generation(void);
struct peer *server_find_serial(uint64_t serial);
/* The first peer on that edge, NULL when there is none. */
struct peer *server_find_edge(enum edge_id edge);
size_t server_count_edge(enum edge_id edge);

/* answer-rcpt.c */
bool answer_rcpt_query(void *peer, const struct msg_rcpt_query *m, int *fds);
struct msg_address_query;
bool answer_address_query(void *peer, const struct msg_address_query *m, int *fds);
void answer_rcpt_end(void);
/* answer-hop.c */
struct msg_hop_query;
bool answer_hop_query(void *peer, const struct msg_hop_query *m, int *fds);
void answer_hop_end(void);
/* answer-login.c */
struct msg_login_query;
void answer_login_start(unsigned threads);
/* Another bound of the queue from the next start on, for the tests. */
void answer_login_set_queue(size_t max);
bool answer_login_query(void *peer, const struct msg_login_query *m, int *fds);
void answer_login_end(void);
/* Tells pop3d-session whose mailbox a ticket opens. The ticket reaches it before pop3d can use it:
 * false when the grant cannot be sent, or still waits in our own memory. `uid` 0: a virtual
 * user's. */
bool answer_login_grant(struct str address, uint32_t uid, struct str ticket);
/* answer-system-login.c; the strings are copied. */
void answer_system_login(struct peer *p, const struct msg_login_query *m, struct str address,
    struct str user, struct str password);

#endif
