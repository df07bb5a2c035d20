/* SPDX-License-Identifier: ISC
 *
 * The client side of common/msg-queue-local.def: local mail on its way through
 * deliver-local.
 *
 * Guarantees, beyond those of queue/carrier.h
 * - A recipient counts as delivered when `durable` named its delivery, not before.
 * - What goes out again has repeat = 1 from then on (P3); so has everything
 *   recovered at the start.
 * - A deliver-local that breaks the protocol loses the channel and nothing else.
 */
#ifndef POSTERN_QUEUE_LOCAL_H
#define POSTERN_QUEUE_LOCAL_H

#include "queue/carrier.h"

struct local {
	struct carrier carrier; /* first */
	bool hold;
};

/* Borrows both. The reader's spool gives its identity to each delivery. */
void local_init(struct local *l, struct active *active, struct reader *reader);
void local_reset(struct local *l);
/* Fresh channel; takes fd. An older one is given up. */
void local_set_channel(struct local *l, int fd);
/* Whether another delivery may be sent now. */
bool local_is_ready(const struct local *l);
/* Begins a delivery of the job that scheduler_next gave. */
void local_start(struct local *l, struct job *job);
/* Nothing is under way. */
bool local_is_idle(const struct local *l);

#endif
