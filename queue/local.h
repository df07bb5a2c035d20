/* SPDX-License-Identifier: ISC
 *
 * The client side of common/msg-queue-local.def: local mail on its way through
 * deliver-local.
 *
 * Guarantees
 * - A recipient counts as delivered when `durable` named its delivery, not before.
 * - When the channel closes, everything without `durable` goes out again, with
 *   repeat = 1 from then on (P3); so does everything recovered at the start.
 * - A deliver-local that breaks the protocol loses the channel and nothing else.
 */
#ifndef POSTERN_QUEUE_LOCAL_H
#define POSTERN_QUEUE_LOCAL_H

#include "queue/active.h"
#include "queue/contents.h"
#include "queue/delivery.h"

enum {
	LOCAL_SETTLING_MAX = 65536,	      /* deliveries that wait for durable */
	LOCAL_BACKLOG_MAX = 16 * 1024 * 1024, /* octets that deliver-local has not read */
	LOCAL_STALLED_MS = 5 * 60 * 1000,     /* a delivery this old is worth a warning */
};

struct channel;

struct local {
	struct active *active;
	struct contents *contents;
	struct spool *spool;
	struct channel *channel; /* NULL: deliver-local is not there */
	struct deliveries deliveries;
	bool hold;
	struct buf buf;	   /* a message read back */
	struct pool *pool; /* and its lists */
	/* There is room for another delivery, or work again. */
	void (*on_progress)(void *ctx);
	void *ctx;
};

/* Borrows both; finished messages leave `contents` from now on. */
void local_init(struct local *l, struct active *active, struct contents *contents);
/* The spool lives as long as this; its identity goes into each delivery. */
void local_set_spool(struct local *l, struct spool *spool);
void local_reset(struct local *l);
/* Fresh channel; takes fd. An older one is given up. */
void local_set_channel(struct local *l, int fd);
/* Whether another delivery may be sent now. */
bool local_is_ready(const struct local *l);
/* Begins a delivery of the job that scheduler_next gave. */
void local_start(struct local *l, struct job *job);
/* Nothing is under way. */
bool local_is_idle(const struct local *l);
/* Says in the log, once each, which deliveries have no answer for long. */
void local_check_stalled(struct local *l, uint64_t now_ms);

#endif
