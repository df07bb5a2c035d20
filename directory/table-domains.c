/* SPDX-License-Identifier: ISC
 *
 * domains: one domain a line.
 */
#include "directory/lines.h"
#include "directory/table.h"

void table_parse_domains(struct table *t, struct str text, struct faults *faults)
{
	struct lines lines;
	struct line line;
	lines_init(&lines, text, t->file, faults);
	while (lines_next(&lines, &line)) {
		struct table_entry e = {.line = line.number};
		const char *why;
		if (table_read_domain(line.text, t->pool, &e.key, &why))
			table_add(t, e);
		else
			faults_add(faults, t->file, line.number, "\"%s\" %s",
			    fault_text(line.text).s, why);
	}
}
