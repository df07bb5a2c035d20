/* SPDX-License-Identifier: ISC
 *
 * What the ways of delivering have in common (queue/local.h, queue/remote.h): one
 * channel to a delivering program, and the deliveries that are under way on it.
 *
 * Guarantees
 * - When the channel closes, everything without a last word goes out again.
 * - A message that was there several times when that happened has to wait, for it
 *   may be what kills the program.
 */
#ifndef POSTERN_QUEUE_CARRIER_H
#define POSTERN_QUEUE_CARRIER_H

#include "common/channel.h"
#include "queue/delivery.h"
#include "queue/reader.h"

enum {
	CARRIER_DELIVERIES_MAX = 65536,		/* those that only wait for durable included */
	CARRIER_BACKLOG_MAX = 16 * 1024 * 1024, /* octets that the program has not read */
};

/* What an owner adds comes after it in the owner's struct: handlers get it as their ctx. */
struct carrier {
	const char *program; /* "deliver-local" */
	const char *relay;   /* for the log, where a result names none */
	uint64_t stalled_ms; /* a delivery this old is worth a warning */
	struct active *active;
	struct reader *reader;
	struct channel *channel; /* NULL: the program is not there */
	struct deliveries deliveries;
	/* There is room for another delivery, or work again. May be NULL. */
	void (*on_progress)(void *ctx);
	void *ctx;
};

/* Fills the struct's common part from what the owner set of it: program, relay, stalled_ms. */
void carrier_init(struct carrier *c, struct active *active, struct reader *reader);
void carrier_reset(struct carrier *c);
/* Fresh channel; takes fd. An older one is given up. */
void carrier_set_channel(
    struct carrier *c, int fd, const struct edge_side *side, const void *handlers);
/* Whether another delivery may be sent now. */
bool carrier_is_ready(const struct carrier *c);
void carrier_progress(struct carrier *c);
/* Says in the log, once each, which deliveries have no answer for long. */
void carrier_check_stalled(struct carrier *c, uint64_t now_ms);

/* A delivery of the job that scheduler_next gave. */
struct delivery *carrier_begin(struct carrier *c, struct job *job);
/* All of it is sent, and only its verdict is to come: one of the same destination may begin in its
 * slot. False: it said so before, or shares its slot. */
bool carrier_offer(struct carrier *c, struct delivery *d);
/* The oldest one to this destination that offers its slot; NULL: none here. */
struct delivery *carrier_find_offer(const struct carrier *c, const struct destination *to);
/* A delivery of the job that scheduler_next_ahead gave, in the slot of `behind`. */
struct delivery *carrier_begin_behind(struct carrier *c, struct job *job, struct delivery *behind);
/* One that began behind another, and of which nothing was tried, is over: all of it is ready again. */
void carrier_return(struct carrier *c, struct delivery *d, struct moment now);
/* It was sent, or could not be (errno): then its recipients are deferred, or failed when that will
 * not change, and it is over. */
void carrier_sent(struct carrier *c, struct delivery *d, bool sent);

/* Where and how fast, for the log; NULL: what the carrier and the clock say. */
struct carrier_report {
	const char *relay;
	uint64_t connect_ms, transmit_ms;
};

/* A pending item has its result; logged. `why` may have empty parts. */
void carrier_defer(struct carrier *c, struct delivery *d, struct delivery_item *item,
    struct why why, const struct carrier_report *report, struct moment now);
void carrier_fail(struct carrier *c, struct delivery *d, struct delivery_item *item, struct why why,
    const struct carrier_report *report, struct moment now);
/* These recipients have it: in their mailboxes, or at a server that reports no success. */
void carrier_delivered(
    struct carrier *c, struct delivery *d, const uint16_t *numbers, size_t n);
void carrier_log_sent(const struct carrier *c, const struct delivery *d, uint16_t number,
    const struct why *why, const struct carrier_report *report, struct moment now);
/* The last result came: the scheduler's slot is free. */
void carrier_results_done(
    struct carrier *c, struct delivery *d, enum destination_verdict verdict, struct moment now);
/* The delivery is over: its job goes on, or its message is finished. */
void carrier_end(struct carrier *c, struct delivery *d);

#endif
