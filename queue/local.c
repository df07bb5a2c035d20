/* SPDX-License-Identifier: ISC
 *
 * What deliver-local answers, and what happens when it goes away.
 *
 * Invariant: every delivery in `deliveries` was sent on `channel`. A delivery with
 * pending items holds a slot of the scheduler; one that only waits for `durable`
 * does not, for group syncs must not slow the flow.
 */
#include "queue/local-internal.h"
#include "common/log.h"
#include "common/loop.h"
#include "queue/dispatch.h"
#include "queue/queue-log.h"

#define READ_MAX ((size_t)256 * 1024 * 1024) /* the largest record: RECIPIENTS_MAX recipients */

static void forget_content(void *contents, const struct message *m)
{
	contents_drop(contents, m->id);
}

void local_init(struct local *l, struct active *active, struct contents *contents)
{
	*l = (struct local){.active = active, .contents = contents};
	active->on_finished = forget_content;
	active->ctx = contents;
	deliveries_init(&l->deliveries);
	buf_init(&l->buf, READ_MAX);
	l->pool = pool_new(READ_MAX);
}

void local_set_spool(struct local *l, struct spool *spool)
{
	l->spool = spool;
}

void local_reset(struct local *l)
{
	channel_free(l->channel);
	deliveries_reset(&l->deliveries);
	buf_release(&l->buf);
	pool_free(l->pool);
	*l = (struct local){0};
}

bool local_is_ready(const struct local *l)
{
	return l->channel != NULL && !l->hold && !channel_is_closed(l->channel) &&
	       l->deliveries.count < LOCAL_SETTLING_MAX &&
	       channel_backlog(l->channel) < LOCAL_BACKLOG_MAX;
}

bool local_is_idle(const struct local *l)
{
	return l->deliveries.count == 0;
}

static void progress(struct local *l)
{
	if (l->on_progress != NULL)
		l->on_progress(l->ctx);
}

/* --- results ------------------------------------------------------------ */

static void log_result(const struct delivery *d, uint16_t number, const char *status,
    struct str dsn, struct str note, struct moment now)
{
	const struct queue_log_delivery entry = {.relay = "local",
	    .status = status,
	    .dsn = dsn,
	    .note = note,
	    .started = d->started_wall,
	    .now = now.wall};
	queue_log_delivery(message_of(d->job), number, &entry);
}

static struct str or_else(struct str s, struct str otherwise)
{
	return s.n > 0 ? s : otherwise;
}

void local_defer(struct local *l, struct delivery *d, struct delivery_item *item,
    struct str enhanced, struct str why, struct moment now)
{
	why = or_else(why, STR("deliver-local gave no reason"));
	active_deferred(l->active, d->job, item->number, why, now);
	log_result(d, item->number, "deferred", or_else(enhanced, STR("4.0.0")), why, now);
	item->state = ITEM_DONE;
}

void local_fail(struct local *l, struct delivery *d, struct delivery_item *item,
    struct str enhanced, struct str why, struct moment now)
{
	why = or_else(why, STR("deliver-local gave no reason"));
	active_failed(l->active, message_of(d->job), item->number, why);
	log_result(d, item->number, "bounced", or_else(enhanced, STR("5.0.0")), why, now);
	item->state = ITEM_DONE;
}

static void take_visible(struct local *l, struct delivery *d, struct delivery_item *item,
    const struct local_result *r, struct moment now)
{
	(void)r;
	(void)now;
	active_visible(l->active, message_of(d->job), item->number);
	delivery_result(&l->deliveries, d, item, ITEM_VISIBLE);
}

static void take_deferred(struct local *l, struct delivery *d, struct delivery_item *item,
    const struct local_result *r, struct moment now)
{
	local_defer(l, d, item, r->enhanced, r->text, now);
	delivery_result(&l->deliveries, d, item, ITEM_DONE);
}

static void take_failed(struct local *l, struct delivery *d, struct delivery_item *item,
    const struct local_result *r, struct moment now)
{
	local_fail(l, d, item, r->enhanced, r->text, now);
	delivery_result(&l->deliveries, d, item, ITEM_DONE);
}

typedef void take_fn(struct local *l, struct delivery *d, struct delivery_item *item,
    const struct local_result *r, struct moment now);

static take_fn *const takers[] = {
    [DELIVERY_VISIBLE] = take_visible,
    [DELIVERY_DEFERRED] = take_deferred,
    [DELIVERY_FAILED] = take_failed,
};

void local_end(struct local *l, struct delivery *d)
{
	struct job *job = d->job;
	delivery_end(&l->deliveries, d);
	active_settle(l->active, job);
}

static bool on_local_results(void *ctx, const struct msg_local_results *m, int *fds)
{
	struct local *l = ctx;
	struct delivery *d = delivery_find(&l->deliveries, m->delivery);
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
		takers[r->outcome](l, d, item, r, now);
	}
	if (d->pending > 0)
		return true;
	scheduler_done(l->active->scheduler, d->job, DESTINATION_WORKS, now.ms);
	if (d->visible == 0)
		local_end(l, d);
	else
		active_settle(l->active, d->job);
	progress(l);
	return true;
}

/* --- durability --------------------------------------------------------- */

static void settle_durable(struct local *l, struct delivery *d, struct moment now)
{
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	size_t n = 0;
	for (size_t i = 0; i < d->count; i++) {
		if (d->items[i].state != ITEM_VISIBLE)
			continue;
		numbers[n++] = d->items[i].number;
		log_result(
		    d, d->items[i].number, "sent", STR("2.0.0"), STR("delivered to mailbox"), now);
	}
	active_delivered(l->active, message_of(d->job), numbers, n);
	local_end(l, d);
}

/* Deliveries without anything visible were forgotten with their results, so an unknown one is no
 * fault; one whose results are missing is. */
static bool on_durable(void *ctx, const struct msg_durable *m, int *fds)
{
	struct local *l = ctx;
	struct moment now = moment_now();
	(void)fds;
	for (size_t i = 0; i < m->deliveries_count; i++) {
		struct delivery *d = delivery_find(&l->deliveries, m->deliveries[i].delivery);
		if (d == NULL)
			continue;
		if (d->pending > 0)
			return false;
		settle_durable(l, d, now);
	}
	progress(l);
	return true;
}

/* The disk is in trouble: what it did not take is tried again at its time, as a repeat. */
static void settle_not_durable(
    struct local *l, struct delivery *d, struct str why, struct moment now)
{
	message_of(d->job)->flags |= MESSAGE_REPEAT;
	for (size_t i = 0; i < d->count; i++)
		if (d->items[i].state == ITEM_VISIBLE)
			local_defer(l, d, &d->items[i], STR("4.3.0"), why, now);
	local_end(l, d);
}

static bool on_not_durable(void *ctx, const struct msg_not_durable *m, int *fds)
{
	struct local *l = ctx;
	struct moment now = moment_now();
	(void)fds;
	for (size_t i = 0; i < m->deliveries_count; i++) {
		struct delivery *d = delivery_find(&l->deliveries, m->deliveries[i].delivery);
		if (d == NULL)
			continue;
		if (d->pending > 0)
			return false;
		settle_not_durable(l, d, m->text, now);
	}
	progress(l);
	return true;
}

static const struct queue_local_client_handlers handlers = {
    .local_results = on_local_results,
    .durable = on_durable,
    .not_durable = on_not_durable,
};

/* --- the channel -------------------------------------------------------- */

/* Backwards, so that they are again in the order they were in. */
static void give_back(struct local *l, struct delivery *d, struct moment now)
{
	struct str why = STR("deliver-local went away in the middle, several times");
	bool had_slot = d->pending > 0;
	if (had_slot)
		active_suspect(message_of(d->job));
	for (size_t i = d->count; i-- > 0;)
		if (d->items[i].state != ITEM_DONE)
			active_returned(l->active, d->job, d->items[i].number, why, now);
	if (had_slot)
		scheduler_done(l->active->scheduler, d->job, DESTINATION_UNKNOWN, now.ms);
	local_end(l, d);
}

static void give_up_channel(struct local *l)
{
	struct moment now = moment_now();
	struct delivery *d;
	channel_free(l->channel);
	l->channel = NULL;
	while ((d = TAILQ_FIRST(&l->deliveries.settling)) != NULL)
		give_back(l, d, now);
	while ((d = TAILQ_FIRST(&l->deliveries.waiting)) != NULL)
		give_back(l, d, now);
	progress(l);
}

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct local *l = ctx;
	(void)channel;
	log_message(LOG_WARNING, "deliver-local: %s; %zu deliveries will be repeated", why,
	    l->deliveries.count);
	give_up_channel(l);
}

void local_set_channel(struct local *l, int fd)
{
	if (l->channel != NULL)
		give_up_channel(l);
	l->channel = channel_new(fd, &queue_local_client, &handlers, l, on_closed);
	progress(l);
}

static void complain(struct delivery_list *list, const char *what, uint64_t now_ms)
{
	struct delivery *d;
	TAILQ_FOREACH(d, list, link)
	{
		if (d->started_ms + LOCAL_STALLED_MS > now_ms)
			return;
		if (!d->complained)
			queue_log_stalled(message_of(d->job), what, now_ms - d->started_ms);
		d->complained = true;
	}
}

void local_check_stalled(struct local *l, uint64_t now_ms)
{
	complain(&l->deliveries.waiting, "deliver-local has not answered", now_ms);
	complain(&l->deliveries.settling, "deliver-local has not synced the mailbox", now_ms);
}
