/* SPDX-License-Identifier: ISC
 *
 * The client side of common/msg-queue-remote.def: mail on its way to other
 * servers, a channel for each instance of deliver-remote.
 *
 * Guarantees, beyond those of queue/carrier.h
 * - Deliveries to one nexthop go to the same instance as long as the same
 *   instances are there, so that it can use its connections again.
 * - A recipient that another server took is delivered at once. What was under way
 *   when an instance died may have been taken, and is tried again.
 * - An instance that breaks the protocol loses its channel and nothing else.
 */
#ifndef POSTERN_QUEUE_REMOTE_H
#define POSTERN_QUEUE_REMOTE_H

#include "queue/carrier.h"

enum { REMOTE_INSTANCES_MAX = 64 };

struct remote {
	struct active *active;
	struct reader *reader;
	struct carrier *instances[REMOTE_INSTANCES_MAX]; /* NULL: never seen */
	/* As in struct carrier. */
	void (*on_progress)(void *ctx);
	void *ctx;
};

/* Borrows both. */
void remote_init(struct remote *r, struct active *active, struct reader *reader);
void remote_reset(struct remote *r);
/* Fresh channel to an instance; takes fd. An older one is given up. */
void remote_set_channel(struct remote *r, unsigned instance, int fd);
/* Whether another delivery may be sent now. */
bool remote_is_ready(const struct remote *r);
/* Begins a delivery of the job that scheduler_next gave. */
void remote_start(struct remote *r, struct job *job);
/* The same for the job that scheduler_next_ahead gave. */
void remote_start_behind(struct remote *r, struct job *job);
/* Nothing is under way. */
bool remote_is_idle(const struct remote *r);
void remote_check_stalled(struct remote *r, uint64_t now_ms);

#endif
