/* SPDX-License-Identifier: ISC
 *
 * What deliver-local answers.
 */
#include "queue/local.h"
#include "common/answers.h"
#include "common/msg-queue-local.h"
#include "queue/dispatch.h"

enum { STALLED_MS = 5 * 60 * 1000 };

void local_init(struct local *l, struct active *active, struct reader *reader)
{
	*l = (struct local){
	    .carrier = {.program = "deliver-local", .relay = "local", .stalled_ms = STALLED_MS}};
	carrier_init(&l->carrier, active, reader);
}

void local_reset(struct local *l)
{
	carrier_reset(&l->carrier);
	*l = (struct local){0};
}

bool local_is_ready(const struct local *l)
{
	return !l->hold && carrier_is_ready(&l->carrier);
}

bool local_is_idle(const struct local *l)
{
	return l->carrier.deliveries.count == 0;
}

/* --- results ------------------------------------------------------------ */

typedef void take_fn(struct carrier *c, struct delivery *d, struct delivery_item *item,
    const struct local_result *r, struct moment now);

static void take_visible(struct carrier *c, struct delivery *d, struct delivery_item *item,
    const struct local_result *r, struct moment now)
{
	(void)r;
	(void)now;
	active_visible(c->active, message_of(d->job), item->number);
	delivery_result(&c->deliveries, d, item, ITEM_VISIBLE);
}

static struct why why_of(const struct local_result *r)
{
	return (struct why){.status = r->enhanced, .text = r->text};
}

static void take_deferred(struct carrier *c, struct delivery *d, struct delivery_item *item,
    const struct local_result *r, struct moment now)
{
	carrier_defer(c, d, item, why_of(r), NULL, now);
	delivery_result(&c->deliveries, d, item, ITEM_DONE);
}

static void take_failed(struct carrier *c, struct delivery *d, struct delivery_item *item,
    const struct local_result *r, struct moment now)
{
	carrier_fail(c, d, item, why_of(r), NULL, now);
	delivery_result(&c->deliveries, d, item, ITEM_DONE);
}

static take_fn *const takers[] = {
    [DELIVERY_VISIBLE] = take_visible,
    [DELIVERY_DEFERRED] = take_deferred,
    [DELIVERY_FAILED] = take_failed,
};

static bool on_local_results(void *ctx, const struct msg_local_results *m, int *fds)
{
	struct local *l = ctx;
	struct carrier *c = &l->carrier;
	struct delivery *d = delivery_find(&c->deliveries, m->delivery);
	struct moment now = moment_now();
	(void)fds;
	if (d == NULL || d->pending == 0)
		return false;
	for (size_t i = 0; i < m->results_count; i++) {
		const struct local_result *r = &m->results[i];
		struct delivery_item *item = delivery_item(d, r->number, i);
		if (item == NULL || r->outcome == 0 ||
		    r->outcome >= sizeof(takers) / sizeof(takers[0]))
			return false;
		takers[r->outcome](c, d, item, r, now);
	}
	if (d->pending > 0)
		return true;
	carrier_results_done(c, d, DESTINATION_WORKS, now);
	if (d->visible == 0)
		carrier_end(c, d);
	else
		active_settle(c->active, d->job);
	carrier_progress(c);
	return true;
}

/* --- durability --------------------------------------------------------- */

static void settle_durable(struct carrier *c, struct delivery *d, struct moment now)
{
	const struct why why = WHY("2.0.0", "delivered to mailbox");
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	size_t n = 0;
	for (size_t i = 0; i < d->count; i++) {
		if (d->items[i].state != ITEM_VISIBLE)
			continue;
		numbers[n++] = d->items[i].number;
		carrier_log_sent(c, d, d->items[i].number, &why, NULL, now);
	}
	carrier_delivered(c, d, numbers, n);
	carrier_end(c, d);
}

/* Deliveries without anything visible were forgotten with their results, so an unknown one is no
 * fault; one whose results are missing is. */
static bool on_durable(void *ctx, const struct msg_durable *m, int *fds)
{
	struct local *l = ctx;
	struct moment now = moment_now();
	(void)fds;
	for (size_t i = 0; i < m->deliveries_count; i++) {
		struct delivery *d =
		    delivery_find(&l->carrier.deliveries, m->deliveries[i].delivery);
		if (d == NULL)
			continue;
		if (d->pending > 0)
			return false;
		settle_durable(&l->carrier, d, now);
	}
	carrier_progress(&l->carrier);
	return true;
}

/* The disk is in trouble: what it did not take is tried again at its time, as a repeat. */
static void settle_not_durable(
    struct carrier *c, struct delivery *d, struct str text, struct moment now)
{
	const struct why why = {.status = STR("4.3.0"), .text = text};
	message_of(d->job)->flags |= MESSAGE_REPEAT;
	for (size_t i = 0; i < d->count; i++)
		if (d->items[i].state == ITEM_VISIBLE)
			carrier_defer(c, d, &d->items[i], why, NULL, now);
	carrier_end(c, d);
}

static bool on_not_durable(void *ctx, const struct msg_not_durable *m, int *fds)
{
	struct local *l = ctx;
	struct moment now = moment_now();
	(void)fds;
	for (size_t i = 0; i < m->deliveries_count; i++) {
		struct delivery *d =
		    delivery_find(&l->carrier.deliveries, m->deliveries[i].delivery);
		if (d == NULL)
			continue;
		if (d->pending > 0)
			return false;
		settle_not_durable(&l->carrier, d, m->text, now);
	}
	carrier_progress(&l->carrier);
	return true;
}

static const struct queue_local_client_handlers handlers = {
    .local_results = on_local_results,
    .durable = on_durable,
    .not_durable = on_not_durable,
};

void local_set_channel(struct local *l, int fd)
{
	carrier_set_channel(&l->carrier, fd, &queue_local_client, &handlers);
}
