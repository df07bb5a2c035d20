/* SPDX-License-Identifier: ISC */
#include "queue/active.h"

static bool each_in_list(
    const struct message *m, uint16_t number, const struct job *job, active_each_fn *fn, void *ctx)
{
	for (; number != RECIPIENT_NONE; number = message_recipients(m)[number].next)
		if (!fn(ctx, m, number, job))
			return false;
	return true;
}

void active_each_open(const struct message *m, active_each_fn *fn, void *ctx)
{
	enum {
		IN_NO_LIST = RECIPIENT_ACTIVE | RECIPIENT_VISIBLE | RECIPIENT_HELD | RECIPIENT_OWED
	};
	for (size_t i = 0; i < m->job_count; i++)
		if (!each_in_list(m, m->jobs[i].own.ready, &m->jobs[i], fn, ctx) ||
		    !each_in_list(m, m->jobs[i].own.deferred, &m->jobs[i], fn, ctx))
			return;
	const struct message_recipient *list = message_recipients(m);
	for (size_t i = 0; i < m->recipient_count; i++)
		if ((list[i].state & IN_NO_LIST) && !fn(ctx, m, (uint16_t)i, NULL))
			return;
}
