/* SPDX-License-Identifier: ISC
 *
 * Lists, figures, and what operators have done to messages, a piece at a time.
 */
#include "queue/operator-internal.h"

enum { FLUSH_PER_STEP = 500, LOOK_PER_STEP = 500 };

/* --- list --------------------------------------------------------------- */

struct entry {
	const struct active *active;
	struct moment now;
	struct waiting_recipient waiting[RECIPIENTS_PER_PACKET];
	size_t count;
};

static bool add_recipient(
    void *ctx, const struct message *m, uint16_t number, const struct job *job)
{
	struct entry *e = ctx;
	const struct message_recipient *r = &message_recipients(m)[number];
	struct waiting_recipient *w = &e->waiting[e->count++];
	*w = (struct waiting_recipient){.address = message_address(m, number),
	    .state = r->state,
	    .reason = reasons_text(e->active->reasons, r->reason)};
	if (job != NULL)
		w->attempts = job->attempts;
	if (r->state == RECIPIENT_DEFERRED && job != NULL)
		w->next_try = active_next_try(job, e->now);
	return e->count < RECIPIENTS_PER_PACKET;
}

static void send_entry(struct operator_connection *c, const struct message *m)
{
	struct entry e = {.active = c->all->active, .now = moment_now()};
	active_each_open(m, add_recipient, &e);
	const struct msg_queue_entry answer = {.id = m->id,
	    .arrival = m->arrival,
	    .size = m->size,
	    .reverse_path = message_sender(m),
	    .recipients = m->recipient_count,
	    .waiting = e.waiting,
	    .waiting_count = e.count};
	msg_queue_entry_send(c->channel, &answer, NULL);
}

bool ask_list_step(struct operator_connection *c, struct ask *ask)
{
	for (int i = 0; i < LOOK_PER_STEP; i++) {
		const struct message *m =
		    ask->limit == 0 ? NULL : index_after(&c->all->active->messages, ask->id);
		if (m == NULL)
			return ask_end(c, NULL);
		ask->id = m->id;
		if (!filter_fits(ask->filter, m))
			continue;
		send_entry(c, m);
		ask->limit--;
		return false;
	}
	return false;
}

/* --- stats -------------------------------------------------------------- */

struct backlog {
	uint32_t destinations, dead;
};

static void note_backlog(void *ctx, const struct destination *d)
{
	struct backlog *b = ctx;
	if (d->jobs == 0)
		return;
	b->destinations++;
	b->dead += d->state != DESTINATION_ALIVE;
}

static uint32_t in_flight(const struct scheduler *s)
{
	struct scheduler_figures figures;
	uint32_t n = 0;
	scheduler_get_figures(s, &figures);
	for (size_t i = 0; i < TRANSPORT_COUNT; i++)
		n += figures.in_flight[i];
	return n;
}

bool ask_stats_step(struct operator_connection *c, struct ask *ask)
{
	const struct active *a = c->all->active;
	const struct message *oldest = index_after(&a->messages, 0);
	struct spool_figures spool;
	struct backlog backlog = {0, 0};
	(void)ask;
	scheduler_each_destination(a->scheduler, note_backlog, &backlog);
	spool_get_figures(c->all->spool, &spool);
	const struct msg_queue_figures answer = {.messages = a->messages.count,
	    .recipients = a->recipients,
	    .octets = a->octets,
	    .oldest = oldest == NULL ? 0 : oldest->arrival,
	    .accepted = a->accepted,
	    .delivered = a->delivered,
	    .deferred = a->deferred,
	    .segments = spool.segments,
	    .spool_octets = spool.octets,
	    .in_flight = in_flight(a->scheduler),
	    .destinations = backlog.destinations,
	    .dead = backlog.dead};
	msg_queue_figures_send(c->channel, &answer, NULL);
	return ask_end(c, NULL);
}

/* --- flush -------------------------------------------------------------- */

static bool flush_one(struct operator_connection *c, uint64_t id)
{
	struct message *m = index_find(&c->all->active->messages, id);
	if (m == NULL)
		return ask_end(c, "there is no such message in the queue");
	active_flush(c->all->active, m);
	dispatch_soon(c->all->dispatch);
	return ask_end(c, NULL);
}

/* `offset` is how far a flush of everything has come. */
bool ask_flush_step(struct operator_connection *c, struct ask *ask)
{
	if (ask->id != 0)
		return flush_one(c, ask->id);
	for (int i = 0; i < FLUSH_PER_STEP; i++) {
		struct message *m = index_after(&c->all->active->messages, ask->offset);
		if (m == NULL) {
			dispatch_soon(c->all->dispatch);
			return ask_end(c, NULL);
		}
		active_flush(c->all->active, m);
		ask->offset = m->id;
	}
	dispatch_soon(c->all->dispatch);
	return false;
}

/* --- hold, release, delete ---------------------------------------------- */

static struct message *named(struct operator_connection *c, const struct ask *ask)
{
	struct message *m = index_find(&c->all->active->messages, ask->id);
	if (m == NULL)
		ask_end(c, "there is no such message in the queue");
	return m;
}

bool ask_hold_step(struct operator_connection *c, struct ask *ask)
{
	struct message *m = named(c, ask);
	if (m == NULL)
		return true;
	active_hold(c->all->active, m);
	return ask_end(c, NULL);
}

bool ask_release_step(struct operator_connection *c, struct ask *ask)
{
	struct message *m = named(c, ask);
	if (m == NULL)
		return true;
	active_release(c->all->active, m);
	dispatch_soon(c->all->dispatch);
	return ask_end(c, NULL);
}

bool ask_delete_step(struct operator_connection *c, struct ask *ask)
{
	struct message *m = named(c, ask);
	if (m == NULL)
		return true;
	active_delete(c->all->active, m);
	return ask_end(c, NULL);
}
