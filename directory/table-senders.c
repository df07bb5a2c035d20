/* SPDX-License-Identifier: ISC
 *
 * senders: USER ADDRESS ..., one a line: further addresses that a user may send as.
 * "@example.org" stands for all of a domain, "*" for every address.
 */
#include "directory/key.h"
#include "directory/lines.h"
#include "directory/records.h"
#include "directory/table.h"

static bool read_pattern(struct str text, struct pool *pool, struct str *out, const char **why)
{
	struct str domain, canonical;
	if (str_eq(text, STR("*")))
		return pool_copy(pool, text, out);
	if (text.n == 0 || text.p[0] != '@') {
		return table_read_address(text, pool, &canonical, why) &&
		       key_address(canonical, pool, out);
	}
	return table_read_domain(str_skip(text, 1), pool, &domain, why) &&
	       key_join((struct str){NULL, 0}, domain, pool, out);
}

static bool fault(const struct table *t, const struct line *line, struct faults *f, struct str what,
    const char *why)
{
	faults_add(f, t->file, line->number, "\"%s\" %s", fault_text(what).s, why);
	return false;
}

static bool read_patterns(const struct table *t, const struct line *line, struct str rest,
    struct pool *scratch, struct senders_record *r, struct faults *f)
{
	const char *why;
	r->count = 0;
	while (rest.n > 0) {
		struct str text = table_word(&rest);
		if (r->count == SENDERS_PATTERNS_MAX)
			return fault(t, line, f, text,
			    "is one address too many for a user: there may be 256; write "
			    "\"@domain\" for all of a domain");
		if (!read_pattern(text, scratch, &r->patterns[r->count], &why))
			return fault(t, line, f, text, why);
		r->count++;
	}
	return r->count > 0 ||
	       fault(t, line, f, line->text,
		   "has no address behind the user: write USER ADDRESS ADDRESS ...");
}

static void read_line(
    struct table *t, const struct line *line, struct pool *scratch, struct faults *f)
{
	struct table_entry e = {.line = line->number};
	struct senders_record record;
	struct str rest = line->text, canonical;
	struct str user = table_word(&rest);
	struct buf value = BUF_INIT(RECORD_VALUE_MAX);
	const char *why;
	if (!table_read_address(user, scratch, &canonical, &why)) {
		fault(t, line, f, user, why);
		return;
	}
	if (!read_patterns(t, line, rest, scratch, &record, f))
		return;
	if (!key_address(canonical, t->pool, &e.key) || !senders_put(&value, &record) ||
	    !table_add_record(t, &e, &value))
		fault(t, line, f, user, "has too long a list of addresses");
	buf_release(&value);
}

void table_parse_senders(struct table *t, struct str text, struct faults *faults)
{
	table_each_line(t, text, faults, read_line);
}
