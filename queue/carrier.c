/* SPDX-License-Identifier: ISC
 *
 * Invariant: every delivery in `deliveries` was sent on `channel`. A delivery holds a
 * slot of the scheduler until carrier_results_done; one that only waits for `durable`
 * has none, for group syncs must not slow the flow. Two that share a slot are each
 * other's `partner`; the first that ends leaves it to the other.
 */
#include "queue/carrier.h"
#include "common/log.h"
#include "common/loop.h"
#include "queue/dispatch.h"
#include "queue/queue-log.h"

#include <errno.h>
#include <stdio.h>

void carrier_init(struct carrier *c, struct active *active, struct reader *reader)
{
	c->active = active;
	c->reader = reader;
	deliveries_init(&c->deliveries);
}

void carrier_reset(struct carrier *c)
{
	channel_free(c->channel);
	c->channel = NULL;
	deliveries_reset(&c->deliveries);
}

bool carrier_is_ready(const struct carrier *c)
{
	return c->channel != NULL && !channel_is_closed(c->channel) &&
	       c->deliveries.count < CARRIER_DELIVERIES_MAX &&
	       channel_backlog(c->channel) < CARRIER_BACKLOG_MAX;
}

void carrier_progress(struct carrier *c)
{
	if (c->on_progress != NULL)
		c->on_progress(c->ctx);
}

/* --- results ------------------------------------------------------------ */

enum { NOTE_SIZE = 2 * REASON_MAX };

/* All on one line: what decided, and the other hosts. */
static struct str note_of(const struct why *why, char *out, size_t n)
{
	size_t at = 0;
	for (size_t i = 0; i <= why->tried_count && at + 1 < n; i++) {
		const struct tried *t = i == 0 ? NULL : &why->tried[i - 1];
		int added = t == NULL ? snprintf(out, n, "%.*s", STR_ARG(why->text))
				      : snprintf(out + at, n - at, "%s%.*s%s%.*s",
					    i == 1 ? "; also tried " : ", ", STR_ARG(t->host),
					    t->host.n > 0 ? ": " : "", STR_ARG(t->said));
		at += added > 0 ? (size_t)added : 0;
	}
	return str_from(out, at < n ? at : n - 1);
}

static void log_result(const struct carrier *c, const struct delivery *d, uint16_t number,
    const char *status, const struct why *why, const struct carrier_report *report,
    struct moment now)
{
	const struct carrier_report plain = {.relay = c->relay,
	    .transmit_ms = now.wall > d->started_wall ? now.wall - d->started_wall : 0};
	char note[NOTE_SIZE];
	if (report == NULL)
		report = &plain;
	const struct queue_log_delivery entry = {.relay = report->relay,
	    .status = status,
	    .dsn = why->status,
	    .note = note_of(why, note, sizeof(note)),
	    .started = d->started_wall,
	    .connect_ms = report->connect_ms,
	    .transmit_ms = report->transmit_ms,
	    .now = now.wall};
	queue_log_delivery(message_of(d->job), number, &entry);
}

/* The status says what the outcome is, whatever the delivering program said, and there is always
 * a reason. */
static void complete(const struct carrier *c, struct why *why, char class, struct str status,
    char *text, size_t n)
{
	if (why->status.n == 0 || why->status.p[0] != class)
		why->status = status;
	if (why->text.n == 0)
		why->text = why->reply;
	if (why->text.n > 0)
		return;
	snprintf(text, n, "%s gave no reason", c->program);
	why->text = str_from_cstr(text);
}

enum { NO_REASON_SIZE = 64 };

/* The log first: an expired recipient's last try comes before its end. */
void carrier_defer(struct carrier *c, struct delivery *d, struct delivery_item *item,
    struct why why, const struct carrier_report *report, struct moment now)
{
	char text[NO_REASON_SIZE];
	complete(c, &why, '4', STR("4.0.0"), text, sizeof(text));
	log_result(c, d, item->number, "deferred", &why, report, now);
	active_deferred(c->active, d->job, item->number, &why, now);
	item->state = ITEM_DONE;
}

void carrier_fail(struct carrier *c, struct delivery *d, struct delivery_item *item, struct why why,
    const struct carrier_report *report, struct moment now)
{
	char text[NO_REASON_SIZE];
	complete(c, &why, '5', STR("5.0.0"), text, sizeof(text));
	log_result(c, d, item->number, "bounced", &why, report, now);
	active_failed(c->active, message_of(d->job), item->number, &why);
	item->state = ITEM_DONE;
}

void carrier_log_sent(const struct carrier *c, const struct delivery *d, uint16_t number,
    const struct why *why, const struct carrier_report *report, struct moment now)
{
	log_result(c, d, number, "sent", why, report, now);
}

void carrier_delivered(
    struct carrier *c, struct delivery *d, const uint16_t *numbers, size_t n)
{
	active_succeeded(c->active, message_of(d->job), numbers, n);
}

static void close_offer(struct carrier *c, struct delivery *d)
{
	TAILQ_REMOVE(&c->deliveries.offering, d, offer_link);
	d->offer = OFFER_OVER;
}

void carrier_results_done(
    struct carrier *c, struct delivery *d, enum destination_verdict verdict, struct moment now)
{
	struct scheduler *s = c->active->scheduler;
	if (d->offer == OFFER_OPEN) {
		close_offer(c, d);
		scheduler_take_back(s, d->job);
	}
	if (d->partner != NULL) {
		d->partner->partner = NULL;
		d->partner = NULL;
		scheduler_done_in_slot(s, d->job, verdict, now.ms);
	} else {
		scheduler_done(s, d->job, verdict, now.ms);
	}
	d->has_slot = false;
}

void carrier_end(struct carrier *c, struct delivery *d)
{
	struct job *job = d->job;
	delivery_end(&c->deliveries, d);
	active_settle(c->active, job);
}

/* --- sending ------------------------------------------------------------ */

static struct delivery *begin(
    struct carrier *c, struct job *job, const uint16_t *numbers, size_t count)
{
	struct delivery *d = delivery_new(&c->deliveries, job, numbers, count);
	d->started_ms = loop_now_ms();
	d->started_wall = loop_wall_ms();
	d->has_slot = true;
	for (size_t i = 0; i < count; i++)
		message_note_try(message_of(job), numbers[i], d->started_wall);
	return d;
}

struct delivery *carrier_begin(struct carrier *c, struct job *job)
{
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	size_t count = active_start(c->active, job, numbers, RECIPIENTS_PER_PACKET);
	return begin(c, job, numbers, count);
}

bool carrier_offer(struct carrier *c, struct delivery *d)
{
	if (d->offer != OFFER_NONE || d->partner != NULL)
		return false;
	d->offer = OFFER_OPEN;
	TAILQ_INSERT_TAIL(&c->deliveries.offering, d, offer_link);
	scheduler_offer(c->active->scheduler, d->job);
	return true;
}

struct delivery *carrier_find_offer(const struct carrier *c, const struct destination *to)
{
	struct delivery *d;
	TAILQ_FOREACH(d, &c->deliveries.offering, offer_link)
	if (d->job->to == to)
		break;
	return d;
}

struct delivery *carrier_begin_behind(struct carrier *c, struct job *job, struct delivery *behind)
{
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	size_t count = active_start_ahead(c->active, job, numbers, RECIPIENTS_PER_PACKET);
	struct delivery *d = begin(c, job, numbers, count);
	close_offer(c, behind);
	d->behind = behind->cookie;
	d->partner = behind;
	behind->partner = d;
	return d;
}

/* Backwards, so that they are again in the order they were in. */
void carrier_return(struct carrier *c, struct delivery *d, struct moment now)
{
	for (size_t i = d->count; i-- > 0;)
		active_untried(c->active, d->job, d->items[i].number);
	carrier_results_done(c, d, DESTINATION_UNKNOWN, now);
	carrier_end(c, d);
}

/* The disk may be repaired: try again. A record or file that is not what was committed stays so:
 * its sender is owed a bounce. */
static void give_up_unsent(struct carrier *c, struct delivery *d, int error)
{
	const struct why unreadable =
	    WHY("4.3.0", "the content cannot be read from the spool");
	const struct why damaged =
	    WHY("5.3.0", "what the spool holds of the message is damaged");
	const struct carrier_report nowhere = {.relay = "none"};
	struct moment now = moment_now();
	queue_log_problem(
	    message_of(d->job), "its content cannot be given to the delivering program", error);
	for (size_t i = 0; i < d->count; i++)
		if (error == EBADMSG)
			carrier_fail(c, d, &d->items[i], damaged, &nowhere, now);
		else
			carrier_defer(c, d, &d->items[i], unreadable, &nowhere, now);
	carrier_results_done(c, d, DESTINATION_UNKNOWN, now);
	carrier_end(c, d);
}

void carrier_sent(struct carrier *c, struct delivery *d, bool sent)
{
	if (!sent && !channel_is_closed(c->channel))
		give_up_unsent(c, d, errno);
	else
		reader_forget(c->reader, message_of(d->job));
}

/* --- the channel -------------------------------------------------------- */

/* Backwards, so that they are again in the order they were in. */
static void give_back(struct carrier *c, struct delivery *d, struct moment now)
{
	char text[128];
	snprintf(text, sizeof(text), "%s went away in the middle, several times", c->program);
	const struct why why = {.status = STR("4.3.0"), .text = str_from_cstr(text)};
	if (d->has_slot)
		active_suspect(message_of(d->job));
	for (size_t i = d->count; i-- > 0;)
		if (d->items[i].state != ITEM_DONE)
			active_returned(c->active, d->job, d->items[i].number, &why, now);
	if (d->has_slot)
		carrier_results_done(c, d, DESTINATION_UNKNOWN, now);
	carrier_end(c, d);
}

static void give_up_channel(struct carrier *c)
{
	struct moment now = moment_now();
	struct delivery *d;
	channel_free(c->channel);
	c->channel = NULL;
	while ((d = TAILQ_FIRST(&c->deliveries.settling)) != NULL)
		give_back(c, d, now);
	while ((d = TAILQ_FIRST(&c->deliveries.waiting)) != NULL)
		give_back(c, d, now);
	carrier_progress(c);
}

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct carrier *c = ctx;
	(void)channel;
	log_message(LOG_WARNING, "%s: %s; %zu deliveries will be repeated", c->program, why,
	    c->deliveries.count);
	give_up_channel(c);
}

void carrier_set_channel(
    struct carrier *c, int fd, const struct edge_side *side, const void *handlers)
{
	if (c->channel != NULL)
		give_up_channel(c);
	c->channel = channel_new(fd, side, handlers, c, on_closed);
	carrier_progress(c);
}

static void complain(
    const struct carrier *c, struct delivery_list *list, const char *what, uint64_t now_ms)
{
	struct delivery *d;
	char text[128];
	snprintf(text, sizeof(text), "%s %s", c->program, what);
	TAILQ_FOREACH(d, list, link)
	{
		if (d->started_ms + c->stalled_ms > now_ms)
			return;
		if (!d->complained)
			queue_log_stalled(message_of(d->job), text, now_ms - d->started_ms);
		d->complained = true;
	}
}

void carrier_check_stalled(struct carrier *c, uint64_t now_ms)
{
	complain(c, &c->deliveries.waiting, "has not answered", now_ms);
	complain(c, &c->deliveries.settling, "has not synced the mailbox", now_ms);
}
