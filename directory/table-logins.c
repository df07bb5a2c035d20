/* SPDX-License-Identifier: ISC
 *
 * logins: NAME USER PASSWORD, one a line; the password is the rest of the line. What
 * a line holds is never part of a fault's text, but for the name.
 */
#include "common/nexthop.h"
#include "directory/lines.h"
#include "directory/records.h"
#include "directory/table.h"

static const char *read_record(struct str rest, struct login_record *r)
{
	r->user = table_word(&rest);
	r->password = rest;
	if (r->password.n == 0)
		return "has no password: write NAME USER PASSWORD";
	if (r->user.n > LOGIN_MAX || r->password.n > PASSWORD_MAX)
		return "has a user of more than 320 octets or a password of more than 1024";
	return NULL;
}

static void read_line(
    struct table *t, const struct line *line, struct pool *scratch, struct faults *f)
{
	struct table_entry e = {.line = line->number};
	struct login_record record;
	struct str rest = line->text;
	struct str name = table_word(&rest);
	struct buf value = BUF_INIT(RECORD_VALUE_MAX);
	(void)scratch;
	if (!nexthop_is_section_name(name)) {
		faults_add(f, t->file, line->number,
		    "does not begin with a name of letters, digits and hyphens: write NAME USER "
		    "PASSWORD");
		return;
	}
	const char *why = read_record(rest, &record);
	if (why == NULL && (!login_put(&value, &record) || !pool_copy(t->pool, name, &e.key) ||
			       !table_add_record(t, &e, &value)))
		why = "is too long";
	if (why != NULL)
		faults_add(f, t->file, line->number, "%s %s", fault_text(name).s, why);
	buf_release(&value);
}

void table_parse_logins(struct table *t, struct str text, struct faults *faults)
{
	table_each_line(t, text, faults, read_line);
}
