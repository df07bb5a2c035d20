/* SPDX-License-Identifier: ISC */
#include "control/counters.h"

#include "common/admission.h"
#include "common/log.h"
#include "common/msg-supervision.h"

#include <sysexits.h>

static struct admission_table *tables[PROGRAM_COUNT]; /* NULL: it has no clients of its own */

/* That one worker may have, as smtpd and pop3d reckon it; 0: it counts none. */
static unsigned places_of(enum program_id id, const struct conf *conf)
{
	unsigned all = 0;
	if (id == PROGRAM_smtpd)
		all = conf->smtp.connections_max;
	if (id == PROGRAM_pop3d)
		all = conf->pop3.connections_max;
	return (all + conf->workers - 1) / conf->workers;
}

void counters_make(const struct conf *conf)
{
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		if (!wiring_program(id)->admission)
			continue;
		tables[id] = admission_table_new(conf->workers, places_of(id, conf));
		if (tables[id] == NULL)
			log_fatal(EX_OSERR, "the table of connections cannot be made: %m");
	}
}

void counters_allow(const struct conf *conf)
{
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++)
		if (tables[id] != NULL)
			admission_table_allow(tables[id], places_of(id, conf));
}

void counters_send(const struct program *p, const struct conf *conf)
{
	const struct admission_table *t = tables[p->self.program];
	struct msg_admission_page m = {
	    .worker = (uint16_t)p->self.instance, .workers = (uint16_t)conf->workers};
	for (m.page = 0; t != NULL && m.page <= m.workers; m.page++) {
		int fd = admission_table_page(t, m.page, m.worker);
		msg_admission_page_send(p->channel, &m, &fd);
	}
}

void counters_clear(const struct program *p)
{
	if (tables[p->self.program] != NULL)
		admission_table_clear(tables[p->self.program], p->self.instance);
}
