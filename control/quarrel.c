/* SPDX-License-Identifier: ISC
 *
 * Never: end a program because one says so that is trusted less.
 */
#include "control/quarrel.h"
#include "control/rewire.h"

#include "common/log.h"

/* Who is at the other end of the teller's; NULL: it lives no more, or there is no such edge. */
static struct program *find_other(
    struct program_table *t, const struct program *teller, const struct msg_edge_broken *m)
{
	const struct wiring_edge *e = wiring_edge((enum edge_id)m->edge);
	enum program_id other = PROGRAM_NONE;
	if (e != NULL && e->client == teller->self.program)
		other = e->server;
	else if (e != NULL && e->server == teller->self.program)
		other = e->client;
	struct program *p = program_find(t, (struct wiring_end){other, m->instance});
	return p != NULL && p->life == m->life ? p : NULL;
}

void quarrel_settle(
    struct program_table *t, struct program *teller, const struct msg_edge_broken *m)
{
	struct program *other = find_other(t, teller, m);
	/* Said again before it is gone: once is enough, for the log as well. */
	if (other == NULL || other->killed_why != NULL)
		return;
	if (wiring_weaker((enum edge_id)m->edge) != other->self.program) {
		rewire_later((enum edge_id)m->edge, teller, other);
		return;
	}
	log_message(LOG_WARNING,
	    "program %s[%d] has broken the protocol of %s, says %s[%d]: it is ended",
	    other->wiring->file, (int)other->pid, wiring_edge((enum edge_id)m->edge)->name,
	    teller->wiring->file, (int)teller->pid);
	program_kill(other, "it broke the protocol of an edge");
}
