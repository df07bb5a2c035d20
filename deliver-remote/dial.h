/* SPDX-License-Identifier: ISC
 *
 * Connecting to one host: its addresses one after another, each with a short head start before
 * the next is tried beside it (RFC 8305), until one connects. What fails after that is for the
 * caller to find out; dial_next goes on with the addresses that were not tried.
 */
#ifndef POSTERN_REMOTE_DIAL_H
#define POSTERN_REMOTE_DIAL_H

#include "deliver-remote/addresses.h"
#include "deliver-remote/dead.h"
#include "deliver-remote/policy.h"

#include <event2/event.h>
#include <event2/event_struct.h>

enum { DIAL_HEAD_START_MS = 250, DIAL_PARALLEL = 4 };

struct dial;

struct dial_events {
	/* fd is the callee's, non-blocking. */
	void (*on_connected)(struct dial *d, int fd, const struct place *place);
	/* One did not connect; only to be noted: the dial goes on. */
	void (*on_fault)(struct dial *d, const struct place *place, enum link_fault fault);
	/* All were tried, and none is under way. */
	void (*on_exhausted)(struct dial *d);
};

struct dial_attempt {
	struct dial *dial;
	int fd; /* -1: none */
	struct place place;
	uint64_t due_ms;
	struct event writable;
};

struct dial {
	const struct dial_events *events;
	struct policy *policy; /* the caller's */
	struct place places[ADDRESSES_MAX]; /* those before `next` mean nothing any more */
	size_t count;
	size_t next;
	uint64_t next_ms;
	bool running;
	struct dial_attempt attempts[DIAL_PARALLEL];
	struct event timer;
};

/* For the whole program: sockets with numbers from `limit` on are not used, as descriptors that
 * other programs send need room, too. */
void dial_setup(int limit);
/* What is known of dead places, for everybody. */
struct dead *dial_dead(void);

void dial_init(struct dial *d, const struct dial_events *events);
/* Begins with places[0]; the caller has filled `policy`, `places` and `count`. Nothing is called
 * before the event loop runs. */
void dial_start(struct dial *d);
/* Goes on after on_connected. */
void dial_next(struct dial *d);
/* Ends all attempts; nothing is called any more. */
void dial_stop(struct dial *d);
/* After on_connected: that place once more, then the others. */
void dial_again(struct dial *d, const struct place *place);

#endif
