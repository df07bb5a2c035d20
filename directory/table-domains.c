/* SPDX-License-Identifier: ISC
 *
 * domains: one domain a line; "relay" after it: its mail is accepted from anybody
 * for every local part, and passed on.
 */
#include "directory/lines.h"
#include "directory/records.h"
#include "directory/table.h"

void table_parse_domains(struct table *t, struct str text, struct faults *faults)
{
	struct lines lines;
	struct line line;
	lines_init(&lines, text, t->file, faults);
	while (lines_next(&lines, &line)) {
		struct table_entry e = {.line = line.number};
		struct str rest = line.text;
		struct str name = table_word(&rest);
		const char *why;
		if (rest.n > 0)
			e.value = DOMAIN_RELAY;
		if (rest.n > 0 && !str_caseeq(rest, STR("relay")))
			faults_add(faults, t->file, line.number,
			    "\"%s\" after the domain is not known: write \"relay\" for one whose "
			    "mail is passed on, or nothing",
			    fault_text(rest).s);
		else if (table_read_domain(name, t->pool, &e.key, &why))
			table_add(t, e);
		else
			faults_add(
			    faults, t->file, line.number, "\"%s\" %s", fault_text(name).s, why);
	}
}
