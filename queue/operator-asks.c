/* SPDX-License-Identifier: ISC
 *
 * Lists, figures and flushes, a piece at a time.
 */
#include "queue/operator-internal.h"

enum { FLUSH_PER_STEP = 500 };

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
	const struct message *m =
	    ask->limit == 0 ? NULL : index_after(&c->all->active->messages, ask->id);
	if (m == NULL)
		return ask_end(c, NULL);
	send_entry(c, m);
	ask->id = m->id;
	ask->limit--;
	return false;
}

/* --- stats -------------------------------------------------------------- */

bool ask_stats_step(struct operator_connection *c, struct ask *ask)
{
	const struct active *a = c->all->active;
	const struct message *oldest = index_after(&a->messages, 0);
	struct spool_figures spool;
	(void)ask;
	spool_get_figures(c->all->spool, &spool);
	const struct msg_queue_figures answer = {.messages = a->messages.count,
	    .recipients = a->recipients,
	    .octets = a->octets,
	    .oldest = oldest == NULL ? 0 : oldest->arrival,
	    .accepted = a->accepted,
	    .delivered = a->delivered,
	    .deferred = a->deferred,
	    .segments = spool.segments,
	    .spool_octets = spool.octets};
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
