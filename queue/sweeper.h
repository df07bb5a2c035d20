/* SPDX-License-Identifier: ISC
 *
 * Walks the active set again and again for what waits too long (active_sweep), a
 * few hundred messages a turn of the event loop.
 */
#ifndef POSTERN_QUEUE_SWEEPER_H
#define POSTERN_QUEUE_SWEEPER_H

#include "queue/active.h"

struct event;

struct sweeper {
	struct active *active;
	struct event *timer;
	uint64_t interval; /* milliseconds between two rounds */
};

/* Borrows it. Nothing expires before everything had its try after the start. */
void sweeper_init(struct sweeper *s, struct active *active);
void sweeper_reset(struct sweeper *s);
/* The set's times have changed. */
void sweeper_configure(struct sweeper *s);
void sweeper_stop(struct sweeper *s);

#endif
