/* SPDX-License-Identifier: ISC
 *
 * Those who have keys sign for them: one channel for each worker.
 */
#ifndef POSTERN_KEYS_SERVER_H
#define POSTERN_KEYS_SERVER_H

#include "common/service.h"

enum {
	/* A worker that wants more in a second is told no: a handshake of its clients fails then.
	 */
	SERVER_SIGN_PER_SECOND = 2000,
};

/* The configuration in force; before anything else, and at a reload. */
void server_set_conf(const struct conf *conf);
/* A worker's channel; takes fd. */
void server_peer(enum edge_id edge, unsigned instance, int fd);
/* What is in force is others now: tells everybody. Before the first call nobody is told, so that
 * who asks for TLS at the start waits a moment instead of being refused. */
void server_publish(void);
/* New ticket keys for everybody. */
void server_rotate_tickets(void);

#endif
