/* SPDX-License-Identifier: ISC
 *
 * Deliveries under way to a delivering program, by cookie. A delivery carries
 * recipients of one job; it waits first for their results, then, when something
 * became visible, for `durable`.
 */
#ifndef POSTERN_QUEUE_DELIVERY_H
#define POSTERN_QUEUE_DELIVERY_H

#include "common/hash.h"
#include "queue/job.h"

#include <stdbool.h>
#include <sys/queue.h>

/* Whether another delivery may begin in a delivery's slot (queue/scheduler.h). */
enum delivery_offer { OFFER_NONE, OFFER_OPEN, OFFER_OVER };

enum item_state { ITEM_PENDING, ITEM_VISIBLE, ITEM_DONE };

struct delivery_item {
	uint16_t number;
	uint8_t state;
};

struct delivery {
	uint64_t cookie; /* first: the key */
	struct job *job;
	uint64_t started_ms;   /* on the loop's clock */
	uint64_t started_wall; /* since the epoch */
	TAILQ_ENTRY(delivery) link;
	bool complained; /* the log says that it takes long */
	bool has_slot;	 /* the scheduler counts it */
	uint8_t offer;	 /* enum delivery_offer */
	uint64_t behind; /* cookie of the one in whose slot it began; 0: it began in its own */
	struct delivery *partner; /* with which it shares the slot now; NULL: none */
	TAILQ_ENTRY(delivery) offer_link;
	uint16_t count;
	uint16_t pending; /* items without a result */
	uint16_t visible;
	struct delivery_item items[];
};

TAILQ_HEAD(delivery_list, delivery);

struct deliveries {
	struct hash *by_cookie;
	struct delivery_list waiting;  /* for results, oldest first */
	struct delivery_list settling; /* for durable */
	struct delivery_list offering; /* by offer_link: those whose offer is open, oldest first */
	size_t count;
	uint64_t next_cookie;
};

void deliveries_init(struct deliveries *all);
void deliveries_reset(struct deliveries *all);
struct delivery *delivery_new(
    struct deliveries *all, struct job *job, const uint16_t *numbers, size_t count);
/* Out of the table and freed. */
void delivery_end(struct deliveries *all, struct delivery *d);
struct delivery *delivery_find(const struct deliveries *all, uint64_t cookie);
/* The recipient's item while it has no result; NULL for any other number. `hint`: where it
 * probably is. */
struct delivery_item *delivery_item(struct delivery *d, uint16_t number, size_t hint);
/* A result came; the last one moves the delivery to `settling`. */
void delivery_result(
    struct deliveries *all, struct delivery *d, struct delivery_item *item, enum item_state state);

#endif
