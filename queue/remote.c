/* SPDX-License-Identifier: ISC
 *
 * What deliver-remote answers.
 */
#include "queue/remote.h"
#include "common/answers.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/msg-queue-remote.h"
#include "queue/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* RFC 5321 §4.5.3.2 grants a server five and ten minutes at every step. */
enum { STALLED_MS = 60 * 60 * 1000 };

void remote_init(struct remote *r, struct active *active, struct reader *reader)
{
	*r = (struct remote){.active = active, .reader = reader};
}

void remote_reset(struct remote *r)
{
	for (unsigned i = 0; i < REMOTE_INSTANCES_MAX; i++) {
		if (r->instances[i] != NULL)
			carrier_reset(r->instances[i]);
		free(r->instances[i]);
	}
	*r = (struct remote){0};
}

bool remote_is_ready(const struct remote *r)
{
	for (unsigned i = 0; i < REMOTE_INSTANCES_MAX; i++)
		if (r->instances[i] != NULL && carrier_is_ready(r->instances[i]))
			return true;
	return false;
}

bool remote_is_idle(const struct remote *r)
{
	for (unsigned i = 0; i < REMOTE_INSTANCES_MAX; i++)
		if (r->instances[i] != NULL && r->instances[i]->deliveries.count > 0)
			return false;
	return true;
}

void remote_check_stalled(struct remote *r, uint64_t now_ms)
{
	for (unsigned i = 0; i < REMOTE_INSTANCES_MAX; i++)
		if (r->instances[i] != NULL)
			carrier_check_stalled(r->instances[i], now_ms);
}

/* --- results ------------------------------------------------------------ */

/* One answer on its way into the active set. */
struct results {
	struct carrier *carrier;
	struct delivery *delivery;
	const struct msg_remote_results *answer;
	struct carrier_report report;
	struct moment now;
	struct tried tried[TRIED_MAX]; /* of the recipient at hand */
	/* DELIVERY_TAKEN, by whether the other server will tell of success. */
	uint16_t told[RECIPIENTS_PER_PACKET], untold[RECIPIENTS_PER_PACKET];
	size_t told_count, untold_count;
};

typedef void take_fn(
    struct results *s, struct delivery_item *item, const struct remote_result *r);

static struct why why_of(struct results *s, const struct remote_result *r)
{
	struct why why = {.status = r->status, .mta = r->mta, .reply = r->reply, .text = r->text};
	why.tried = s->tried;
	for (size_t i = 0; i < r->tried && i < s->answer->tried_count; i++)
		if (i != r->own)
			s->tried[why.tried_count++] =
			    (struct tried){s->answer->tried[i].host, s->answer->tried[i].said};
	return why;
}

static void take_taken(
    struct results *s, struct delivery_item *item, const struct remote_result *r)
{
	const struct why why = {.status = r->status.n > 0 ? r->status : STR("2.0.0"),
	    .text = r->reply.n > 0 ? r->reply : r->text};
	carrier_log_sent(s->carrier, s->delivery, item->number, &why, &s->report, s->now);
	/* An alias is reported here as expanded: the others were not asked to. */
	if (r->dsn_passed && !message_is_expanded(message_of(s->delivery->job), item->number))
		s->told[s->told_count++] = item->number;
	else
		s->untold[s->untold_count++] = item->number;
}

static void take_deferred(
    struct results *s, struct delivery_item *item, const struct remote_result *r)
{
	carrier_defer(s->carrier, s->delivery, item, why_of(s, r), &s->report, s->now);
}

static void take_failed(
    struct results *s, struct delivery_item *item, const struct remote_result *r)
{
	carrier_fail(s->carrier, s->delivery, item, why_of(s, r), &s->report, s->now);
}

static take_fn *const takers[] = {
    [DELIVERY_DEFERRED] = take_deferred,
    [DELIVERY_FAILED] = take_failed,
    [DELIVERY_TAKEN] = take_taken,
};

static const enum destination_verdict verdicts[] = {
    [REMOTE_WORKS] = DESTINATION_WORKS,
    [REMOTE_FAILS] = DESTINATION_FAILS,
    [REMOTE_UNKNOWN] = DESTINATION_UNKNOWN,
};

static bool take(struct results *s, const struct remote_result *r, size_t hint)
{
	struct delivery_item *item = delivery_item(s->delivery, r->number, hint);
	if (item == NULL || r->outcome >= sizeof(takers) / sizeof(takers[0]) ||
	    takers[r->outcome] == NULL)
		return false;
	takers[r->outcome](s, item, r);
	delivery_result(&s->carrier->deliveries, s->delivery, item, ITEM_DONE);
	return true;
}

/* What was taken before a fault in the list counts all the same: it is with another server. */
static bool take_all(struct results *s, const struct remote_result *list, size_t count)
{
	bool ok = true;
	for (size_t i = 0; i < count && ok; i++)
		ok = take(s, &list[i], i);
	active_delivered(
	    s->carrier->active, message_of(s->delivery->job), s->told, s->told_count);
	carrier_delivered(s->carrier, s->delivery, s->untold, s->untold_count);
	return ok;
}

static bool on_remote_results(void *ctx, const struct msg_remote_results *m, int *fds)
{
	char relay[RELAY_MAX + 1];
	struct results s = {.carrier = ctx, .answer = m, .report = {.relay = relay}, .now = moment_now()};
	(void)fds;
	s.delivery = delivery_find(&s.carrier->deliveries, m->delivery);
	if (s.delivery == NULL || s.delivery->pending == 0 || m->verdict == 0 ||
	    m->verdict >= sizeof(verdicts) / sizeof(verdicts[0]))
		return false;
	snprintf(relay, sizeof(relay), "%.*s", STR_ARG(m->relay.n > 0 ? m->relay : STR("none")));
	s.report.connect_ms = m->connect_ms;
	s.report.transmit_ms = m->transmit_ms;
	if (!take_all(&s, m->results, m->results_count))
		return false;
	if (s.delivery->pending > 0)
		return true;
	carrier_results_done(s.carrier, s.delivery, verdicts[m->verdict], s.now);
	carrier_end(s.carrier, s.delivery);
	carrier_progress(s.carrier);
	return true;
}

static bool on_content_sent(void *ctx, const struct msg_content_sent *m, int *fds)
{
	struct carrier *c = ctx;
	struct delivery *d = delivery_find(&c->deliveries, m->delivery);
	(void)fds;
	if (d == NULL || d->pending == 0 || !carrier_offer(c, d))
		return false;
	carrier_progress(c);
	return true;
}

static bool on_delivery_returned(void *ctx, const struct msg_delivery_returned *m, int *fds)
{
	struct carrier *c = ctx;
	struct delivery *d = delivery_find(&c->deliveries, m->delivery);
	(void)fds;
	if (d == NULL || d->behind == 0 || d->pending != d->count)
		return false;
	carrier_return(c, d, moment_now());
	carrier_progress(c);
	return true;
}

static const struct queue_remote_client_handlers handlers = {
    .remote_results = on_remote_results,
    .content_sent = on_content_sent,
    .delivery_returned = on_delivery_returned,
};

/* --- instances ---------------------------------------------------------- */

static void on_progress(void *ctx)
{
	const struct remote *r = ctx;
	if (r->on_progress != NULL)
		r->on_progress(r->ctx);
}

static struct carrier *instance_new(struct remote *r)
{
	struct carrier *c = xcalloc(1, sizeof(*c));
	c->program = "deliver-remote";
	c->relay = "none";
	c->stalled_ms = STALLED_MS;
	c->on_progress = on_progress;
	c->ctx = r;
	carrier_init(c, r->active, r->reader);
	return c;
}

void remote_set_channel(struct remote *r, unsigned instance, int fd)
{
	if (instance >= REMOTE_INSTANCES_MAX) {
		log_message(LOG_ERR, "deliver-remote %u is one too many", instance);
		close(fd);
		return;
	}
	if (r->instances[instance] == NULL)
		r->instances[instance] = instance_new(r);
	carrier_set_channel(r->instances[instance], fd, &queue_remote_client, &handlers);
}
