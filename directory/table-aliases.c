/* SPDX-License-Identifier: ISC
 *
 * aliases: NAME: TARGET, TARGET ... in the manner of aliases(5). A line that
 * begins with a blank continues the list before it. What a NAME and a TARGET can
 * be is in doc/man/postern-tables.5 and, for TARGET, in the table below.
 */
#include "common/address.h"
#include "common/mem.h"
#include "directory/alias.h"
#include "directory/key.h"
#include "directory/lines.h"
#include "directory/table.h"

#include <stdlib.h>

enum { REFUSAL_MAX = 200 }; /* leaves room for the rest of a reply line */

/* The alias under construction. */
struct draft {
	struct table *table;
	struct faults *faults;
	struct pool *scratch;
	bool open;  /* there is one */
	bool bad;   /* a fault was found: it is not added */
	bool comma; /* the last thing read was a comma */
	bool catch_all;
	unsigned line;	 /* of its name */
	unsigned number; /* of the line being read */
	struct str key;
	struct alias_target targets[EXPANSION_MAX];
	unsigned lines[EXPANSION_MAX];
	size_t count;
};

static void fault(struct draft *d, struct str text, const char *why)
{
	d->bad = true;
	faults_add(d->faults, d->table->file, d->number, "\"%s\" %s", fault_text(text).s, why);
}

/* The first unquoted c, or the end. */
static size_t find_unquoted(struct str s, char c)
{
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && s.p[i] == c)
			return i;
	}
	return s.n;
}

static bool read_local_part(struct draft *d, struct str text, struct str *out)
{
	struct str whole, domain;
	struct address a;
	if (!key_join(text, STR("example.org"), d->scratch, &whole) ||
	    address_parse(whole, true, &a) != ADDRESS_OK ||
	    !address_canonical(&a, d->scratch, &whole) || !key_lower(whole, d->scratch, &whole))
		return false;
	key_split(whole, out, &domain);
	return true;
}

static bool put_target(struct draft *d, enum alias_kind kind, struct str text)
{
	if (d->count == EXPANSION_MAX) {
		if (!d->bad)
			fault(d, d->key,
			    "has more than 1000 targets: make aliases of parts of the list");
		return false;
	}
	bool alone = kind != ALIAS_ADDRESS && kind != ALIAS_LOCAL_PART;
	bool had_alone = d->count > 0 && d->targets[0].kind != ALIAS_ADDRESS &&
			 d->targets[0].kind != ALIAS_LOCAL_PART;
	if ((alone && d->count > 0) || had_alone) {
		fault(
		    d, text, "cannot stand beside discard:, refuse: or @domain: write that alone");
		return false;
	}
	d->targets[d->count] = (struct alias_target){.kind = kind, .text = text};
	d->lines[d->count++] = d->number;
	return true;
}

static void read_domain_target(struct draft *d, struct str text)
{
	struct str domain;
	const char *why;
	if (!d->catch_all)
		fault(d, text,
		    "names no mailbox; only a catch-all (\"@example.org: @example.net\") can "
		    "stand for a whole domain");
	else if (table_read_domain(str_skip(text, 1), d->scratch, &domain, &why))
		put_target(d, ALIAS_DOMAIN, domain);
	else
		fault(d, text, why);
}

static void read_address_target(struct draft *d, struct str text)
{
	struct str out;
	const char *why;
	if (str_find(text, '@') == text.n) {
		if (read_local_part(d, text, &out))
			put_target(d, ALIAS_LOCAL_PART, out);
		else
			fault(d, text,
			    "is neither an address nor a local part; targets are separated by "
			    "commas, comments stand on lines of their own");
	} else if (table_read_address(text, d->scratch, &out, &why)) {
		put_target(d, ALIAS_ADDRESS, out);
	} else {
		fault(d, text, why);
	}
}

static void read_discard(struct draft *d, struct str text)
{
	if (text.n == STR("discard:").n)
		put_target(d, ALIAS_DISCARD, (struct str){NULL, 0});
	else
		fault(d, text, "has something after \"discard:\": write the word alone");
}

static void read_refusal(struct draft *d, struct str text)
{
	struct str why = str_trim(str_skip(text, STR("refuse:").n));
	for (size_t i = 0; i < why.n; i++)
		if (!ascii_is_print(why.p[i])) {
			fault(d, text, "has other than printable ASCII in the text for the sender");
			return;
		}
	if (why.n > REFUSAL_MAX)
		fault(d, text, "is longer than the 200 octets that a reply has room for");
	else
		put_target(d, ALIAS_REFUSE, why);
}

static void refuse_program(struct draft *d, struct str text)
{
	fault(d, text, "would run a program, which aliases never do: deliver to a mailbox instead");
}

static void refuse_file(struct draft *d, struct str text)
{
	fault(
	    d, text, "is a file: write \"discard:\" for /dev/null, else the address of a mailbox");
}

static void refuse_include(struct draft *d, struct str text)
{
	fault(d, text, "is not read: put the addresses here, over several lines if need be");
}

static void refuse_backslash(struct draft *d, struct str text)
{
	fault(d, text,
	    "begins with a backslash: write the mailbox's address; an alias that lists its own "
	    "address keeps a copy in the mailbox");
}

/* What a target can begin with; the last row takes the rest. */
static const struct {
	const char *prefix;
	void (*read)(struct draft *d, struct str text);
} target_kinds[] = {
    {"@", read_domain_target},
    {"discard:", read_discard},
    {"refuse:", read_refusal},
    {"|", refuse_program},
    {"\"|", refuse_program},
    {"/", refuse_file},
    {":include:", refuse_include},
    {"\\", refuse_backslash},
    {"", read_address_target},
};

static void read_target(struct draft *d, struct str text)
{
	size_t i = 0;
	while (!str_has_caseprefix(text, str_from_cstr(target_kinds[i].prefix)))
		i++;
	target_kinds[i].read(d, text);
}

/* Part of a list, from one line. */
static void read_targets(struct draft *d, struct str s)
{
	while (s.n > 0) {
		size_t end = str_has_caseprefix(s, STR("refuse:")) ? s.n : find_unquoted(s, ',');
		struct str text = str_trim(str_head(s, end));
		if (text.n == 0 && (d->comma || d->count == 0))
			fault(d, d->key, "has a comma with no target before it: remove it");
		else if (text.n > 0 && d->count > 0 && !d->comma)
			fault(d, text, "has no comma before it: end the line above with one");
		else if (text.n > 0)
			read_target(d, text);
		d->comma = end < s.n;
		s = str_trim(str_skip(s, end + 1));
	}
}

static bool read_name(struct draft *d, struct str text)
{
	struct str canonical, domain;
	const char *why = "is no address, no local part and no @domain";
	bool ok;
	d->catch_all = text.n > 0 && text.p[0] == '@';
	if (d->catch_all)
		ok = table_read_domain(str_skip(text, 1), d->scratch, &domain, &why) &&
		     key_join((struct str){NULL, 0}, domain, d->scratch, &d->key);
	else if (find_unquoted(text, '@') == text.n)
		ok = read_local_part(d, text, &d->key);
	else
		ok = table_read_address(text, d->scratch, &canonical, &why) &&
		     key_address(canonical, d->scratch, &d->key);
	if (!ok)
		fault(d, text, why);
	return ok;
}

static void begin(struct draft *d, const struct line *line)
{
	d->open = true;
	d->bad = d->comma = false;
	d->count = 0;
	d->line = d->number = line->number;
	size_t colon = find_unquoted(line->text, ':');
	struct str name = str_trim(str_head(line->text, colon));
	d->key = name;
	if (colon == line->text.n) {
		fault(d, name,
		    "has no \":\": write NAME: TARGET, TARGET; a line that continues another "
		    "begins with a blank");
		return;
	}
	if (read_name(d, name))
		read_targets(d, str_trim(str_skip(line->text, colon + 1)));
}

/* Adds what was read, unless it has faults. */
static void finish(struct draft *d)
{
	if (!d->open)
		return;
	d->open = false;
	d->number = d->line;
	if (!d->bad && d->count == 0)
		fault(d, d->key, "has no target: write one after the \":\", or \"discard:\"");
	else if (!d->bad && d->comma)
		fault(d, d->key, "ends in a comma: remove it, or add the target that is missing");
	if (d->bad)
		return;
	struct table_entry e = {.line = d->line};
	struct buf value = BUF_INIT(ALIAS_VALUE_MAX);
	unsigned *lines = pool_array(d->table->pool, d->count, sizeof(*lines));
	if (lines == NULL || !alias_put(&value, d->targets, d->count) ||
	    !pool_copy(d->table->pool, d->key, &e.key) ||
	    !pool_copy(d->table->pool, buf_str(&value), &e.value)) {
		fault(d, d->key, "is too long");
	} else {
		memcpy(lines, d->lines, d->count * sizeof(*lines));
		e.target_lines = lines;
		table_add(d->table, e);
	}
	buf_release(&value);
}

static void take_line(struct draft *d, const struct line *line)
{
	d->number = line->number;
	if (!line->indented) {
		finish(d);
		pool_reset(d->scratch);
		begin(d, line);
	} else if (!d->open) {
		fault(d, line->text, "begins with a blank but continues nothing: remove the blank");
	} else if (d->count > 0 && d->targets[0].kind == ALIAS_REFUSE) {
		fault(d, line->text, "cannot continue \"refuse:\": its text stands on one line");
	} else {
		read_targets(d, line->text);
	}
}

void table_parse_aliases(struct table *t, struct str text, struct faults *faults)
{
	struct draft *d = xcalloc(1, sizeof(*d));
	struct lines lines;
	struct line line;
	d->table = t;
	d->faults = faults;
	d->scratch = pool_new((size_t)8 * 1024 * 1024);
	lines_init(&lines, text, t->file, faults);
	while (lines_next(&lines, &line))
		take_line(d, &line);
	finish(d);
	pool_free(d->scratch);
	free(d);
}
