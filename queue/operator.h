/* SPDX-License-Identifier: ISC
 *
 * What `mailq` and `postern queue` ask: the server side of
 * common/msg-operator-queue.def on queue's own Unix socket.
 *
 * Everybody may list and count, as everywhere in this field; contents, and what
 * changes something, are for root and the suite's own user (SO_PEERCRED). Answers are
 * made piece by piece as the asker reads them, so a million entries never lie in
 * memory. An asker who breaks the protocol or does not read loses its connection.
 */
#ifndef POSTERN_QUEUE_OPERATOR_H
#define POSTERN_QUEUE_OPERATOR_H

#include "queue/dispatch.h"

enum {
	OPERATORS_MAX = 32,
	OPERATORS_PER_UID = 8,	      /* but for root and the suite's user */
	OPERATOR_ASKS_MAX = 16,	      /* on one connection, unanswered */
	OPERATOR_IDLE_MS = 60 * 1000, /* without an ask, or without reading */
	OPERATOR_BACKLOG = 256 * 1024,
};

struct operator_connection;

struct operators {
	struct active *active;
	struct dispatch *dispatch;
	struct spool *spool;
	struct event *listener;
	int listener_fd; /* -1: none */
	struct operator_connection *connections;
	unsigned count;
	uint32_t own_uid;
};

void operators_init(struct operators *o, struct active *active, struct dispatch *dispatch);
/* Takes fd, a listening socket; an older one is closed. */
void operators_listen(struct operators *o, int fd);
/* No new connections until operators_listen. */
void operators_unlisten(struct operators *o);
/* Takes a connected socket; for operators_listen and the tests. */
void operators_connect(struct operators *o, int fd);
void operators_reset(struct operators *o);

#endif
