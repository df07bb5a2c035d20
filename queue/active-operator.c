/* SPDX-License-Identifier: ISC
 *
 * What operators do to messages that wait.
 */
#include "queue/active.h"
#include "common/mem.h"

#include <stdlib.h>

void active_flush(struct active *a, struct message *m)
{
	for (size_t i = 0; i < m->job_count; i++) {
		struct job *job = &m->jobs[i];
		scheduler_probe(a->scheduler, job->to);
		if (job->state != JOB_WAITING)
			continue;
		scheduler_hurry(a->scheduler, job);
		message_wake(m, job);
		scheduler_ready(a->scheduler, job);
	}
}

/* The job leaves all queues; what of it is under way goes on. */
static void unqueue(struct active *a, struct job *job)
{
	scheduler_withdraw(a->scheduler, job);
	scheduler_hurry(a->scheduler, job);
}

void active_hold(struct active *a, struct message *m)
{
	uint16_t number;
	m->flags |= MESSAGE_HOLD;
	for (size_t i = 0; i < m->job_count; i++) {
		struct job *job = &m->jobs[i];
		unqueue(a, job);
		while ((number = message_take_waiting(m, job)) != RECIPIENT_NONE) {
			active_change_state(a, m, number, RECIPIENT_HELD);
			active_record(a, m, number, SPOOL_HELD);
		}
	}
}

static void release_one(struct active *a, struct message *m, uint16_t number)
{
	struct job *job = message_job(m, number);
	active_change_state(a, m, number, RECIPIENT_READY);
	active_record(a, m, number, SPOOL_RELEASED);
	message_push_ready(m, job, number);
	if (job->to->transport != TRANSPORT_HOLD)
		scheduler_ready(a->scheduler, job);
}

void active_release(struct active *a, struct message *m)
{
	m->flags &= (uint8_t)~MESSAGE_HOLD;
	m->flags |= MESSAGE_RELEASED;
	for (size_t i = m->recipient_count; i-- > 0;)
		if (message_recipients(m)[i].state == RECIPIENT_HELD)
			release_one(a, m, (uint16_t)i);
	active_unhold(a, m);
}

/* Of a recipient whose route said hold: an operator released it. */
enum { WAITING = RECIPIENT_READY | RECIPIENT_DEFERRED };

bool active_routes(const struct message *m, struct recipient *list)
{
	uint16_t *jobs = xreallocarray(NULL, m->recipient_count, sizeof(*jobs));
	bool any = false;
	message_jobs(m, jobs);
	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct destination *to = m->jobs[jobs[i]].to;
		bool released = to->transport == TRANSPORT_HOLD &&
				(message_recipients(m)[i].state & WAITING) != 0;
		list[i] = (struct recipient){.address = message_address(m, (uint16_t)i),
		    .original = message_original(m, (uint16_t)i),
		    .nexthop = destination_name(to),
		    .transport = to->transport};
		if (released)
			list[i].transport =
			    list[i].nexthop.n > 0 ? TRANSPORT_REMOTE : TRANSPORT_LOCAL;
		any |= released;
	}
	free(jobs);
	return any;
}

static bool may_be_released(const struct message *m)
{
	for (size_t i = 0; i < m->job_count; i++)
		if (m->jobs[i].to->transport == TRANSPORT_HOLD &&
		    (m->jobs[i].own.ready != RECIPIENT_NONE ||
			m->jobs[i].own.deferred != RECIPIENT_NONE))
			return true;
	return false;
}

void active_unhold(struct active *a, struct message *m)
{
	if (!may_be_released(m))
		return;
	struct recipient *list = xreallocarray(NULL, m->recipient_count, sizeof(*list));
	if (active_routes(m, list))
		active_reroute(a, m, list);
	free(list);
}

void active_delete(struct active *a, struct message *m)
{
	enum { NOT_UNDER_WAY = RECIPIENT_HELD | RECIPIENT_OWED };
	uint16_t number;
	m->flags |= MESSAGE_DELETED;
	for (size_t i = 0; i < m->job_count; i++) {
		struct job *job = &m->jobs[i];
		unqueue(a, job);
		while ((number = message_take_waiting(m, job)) != RECIPIENT_NONE)
			active_bounced(a, m, number);
	}
	for (size_t i = 0; i < m->recipient_count; i++)
		if (message_recipients(m)[i].state & NOT_UNDER_WAY)
			active_bounced(a, m, (uint16_t)i);
	active_settle_message(a, m);
}

static bool is_under_way(const struct message *m)
{
	for (size_t i = 0; i < m->job_count; i++)
		if (m->jobs[i].in_flight > 0)
			return true;
	for (size_t i = 0; i < m->recipient_count; i++)
		if (message_recipients(m)[i].state & (RECIPIENT_ACTIVE | RECIPIENT_VISIBLE))
			return true;
	return false;
}

bool active_reroute(struct active *a, struct message *m, const struct recipient *recipients)
{
	if (is_under_way(m))
		return false;
	struct message *fresh = message_new_rerouted(a->scheduler, m, recipients);
	for (size_t i = 0; i < m->job_count; i++)
		unqueue(a, &m->jobs[i]);
	index_remove(&a->messages, m->id);
	message_free(a->scheduler, m);
	message_link(fresh);
	index_add(&a->messages, fresh);
	active_queue_jobs(a, fresh);
	return true;
}
