/* SPDX-License-Identifier: ISC
 *
 * Destinations, reasons and recent deliveries.
 */
#include "queue/operator-internal.h"
#include "queue/recent.h"
#include "queue/survey.h"
#include "common/mem.h"

#include <stdlib.h>

enum { COUNT_PER_STEP = 2000, DESTINATIONS_MAX = 1000 };

_Static_assert(QUEUE_AGES <= 16, "the list of ages in common/msg-operator-queue.def");

static uint64_t wall_of(struct moment now, uint64_t ms)
{
	return ms <= now.ms ? now.wall : now.wall + (ms - now.ms);
}

static void describe(struct msg_queue_destination *out, const struct destination *d)
{
	const bool dead = d->state == DESTINATION_DEAD;
	out->state = d->state;
	out->in_flight = d->in_flight;
	out->window = d->window;
	out->rate = d->policy->rate;
	out->next_probe = dead ? wall_of(moment_now(), (uint64_t)d->wake.when * 1000) : 0;
	out->reason = str_from_cstr(d->last_reason);
}

static void send_row(struct operator_connection *c, const struct survey_row *row)
{
	const struct str key = str_from(row->key, row->key_size);
	struct queue_age ages[QUEUE_AGES];
	struct msg_queue_destination m = {.messages = row->messages,
	    .recipients = row->recipients,
	    .oldest = row->oldest,
	    .ages = ages,
	    .ages_count = QUEUE_AGES};
	for (size_t i = 0; i < QUEUE_AGES; i++)
		ages[i].recipients = row->ages[i];
	if (key.n > 0) {
		m.transport = (uint8_t)key.p[0];
		m.name = str_skip(key, 1);
		const struct destination *d = scheduler_find_destination(
		    c->all->active->scheduler, (enum transport)m.transport, m.name);
		if (d != NULL)
			describe(&m, d);
	}
	msg_queue_destination_send(c->channel, &m, NULL);
}

/* --- counted ------------------------------------------------------------ */

static bool send_survey(struct operator_connection *c, const struct ask *ask)
{
	size_t count;
	const struct survey_row **rows = survey_destinations(ask->survey, &count);
	send_row(c, survey_total(ask->survey));
	for (size_t i = 0; i < count && i < ask->limit; i++)
		send_row(c, rows[i]);
	free(rows);
	rows = survey_reasons(ask->survey, &count);
	for (size_t i = 0; i < count && i < ask->limit; i++) {
		const struct msg_queue_reason m = {
		    .text = str_from(rows[i]->key, rows[i]->key_size),
		    .recipients = rows[i]->recipients,
		    .oldest = rows[i]->oldest};
		msg_queue_reason_send(c->channel, &m, NULL);
	}
	free(rows);
	return ask_end(c, NULL);
}

static bool count_step(struct operator_connection *c, struct ask *ask)
{
	const struct active *a = c->all->active;
	if (ask->survey == NULL)
		ask->survey = survey_new(a->reasons, moment_now().wall);
	for (int i = 0; i < COUNT_PER_STEP; i++) {
		const struct message *m = index_after(&a->messages, ask->id);
		if (m == NULL)
			return send_survey(c, ask);
		survey_add(ask->survey, m);
		ask->id = m->id;
	}
	return false;
}

/* --- as the scheduler knows them ---------------------------------------- */

struct known {
	const struct destination **list;
	size_t count;
};

static void list_one(void *ctx, const struct destination *d)
{
	struct known *k = ctx;
	if (d->jobs > 0)
		k->list[k->count++] = d;
}

static int by_jobs(const void *a, const void *b)
{
	const struct destination *x = *(const struct destination *const *)a;
	const struct destination *y = *(const struct destination *const *)b;
	return x->jobs == y->jobs ? 0 : x->jobs > y->jobs ? -1 : 1;
}

static bool send_known(struct operator_connection *c, const struct ask *ask)
{
	const struct scheduler *s = c->all->active->scheduler;
	struct scheduler_figures figures;
	scheduler_get_figures(s, &figures);
	struct known k = {xcalloc(figures.destinations + 1, sizeof(const void *)), 0};
	scheduler_each_destination(s, list_one, &k);
	qsort(k.list, k.count, sizeof(*k.list), by_jobs);
	for (size_t i = 0; i < k.count && i < ask->limit; i++) {
		struct msg_queue_destination m = {.name = destination_name(k.list[i]),
		    .transport = k.list[i]->transport,
		    .messages = k.list[i]->jobs};
		describe(&m, k.list[i]);
		msg_queue_destination_send(c->channel, &m, NULL);
	}
	free(k.list);
	return ask_end(c, NULL);
}

bool ask_destinations_step(struct operator_connection *c, struct ask *ask)
{
	if (ask->limit > DESTINATIONS_MAX)
		ask->limit = DESTINATIONS_MAX;
	return ask->count ? count_step(c, ask) : send_known(c, ask);
}

/* --- recent ------------------------------------------------------------- */

bool ask_recent_step(struct operator_connection *c, struct ask *ask)
{
	const struct recent *r;
	for (uint64_t after = ask->id; (r = recent_after(after)) != NULL; after = r->serial) {
		const struct msg_queue_event m = {.serial = r->serial,
		    .when = r->when,
		    .id = r->id,
		    .recipient = str_from_cstr(r->recipient),
		    .relay = str_from_cstr(r->relay),
		    .status = str_from_cstr(r->status),
		    .note = str_from_cstr(r->note)};
		msg_queue_event_send(c->channel, &m, NULL);
	}
	return ask_end(c, NULL);
}
