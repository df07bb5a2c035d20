/* SPDX-License-Identifier: ISC
 *
 * users: ADDRESS:HASH or ADDRESS:HASH:KEYS, one a line. HASH is what crypt(3) makes, or "*" for a
 * mailbox that nobody logs in to; KEYS are those of SCRAM.
 */
#include "directory/hash-format.h"
#include "directory/key.h"
#include "directory/lines.h"
#include "directory/table.h"
#include "directory/user-record.h"

/* Where the address ends: the first ":" that is not inside quotes. */
static size_t find_colon(struct str s)
{
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && s.p[i] == ':')
			return i;
	}
	return s.n;
}

static bool read_hash(struct table *t, const struct line *line, struct str hash, struct faults *f)
{
	const char *why;
	switch (hash_format_check(hash, &why)) {
	case HASH_OK:
		return true;
	case HASH_WEAK:
		faults_warn(f, t->file, line->number, "the password hash %s", why);
		return true;
	case HASH_BAD:
		break;
	}
	/* The hash itself is never shown: it is a secret. */
	faults_add(f, t->file, line->number, "the password hash %s", why);
	return false;
}

static bool read_secrets(
    struct table *t, const struct line *line, struct str value, struct faults *f)
{
	struct user_record user;
	const char *why = user_record_parse(value, &user);
	bool ok = read_hash(t, line, user.hash, f);
	if (why != NULL)
		faults_add(f, t->file, line->number, "the SCRAM keys %s", why);
	return ok && why == NULL;
}

static void read_user(
    struct table *t, const struct line *line, struct pool *scratch, struct faults *f)
{
	struct table_entry e = {.line = line->number};
	struct str canonical;
	const char *why;
	size_t colon = find_colon(line->text);
	struct str address = str_trim(str_head(line->text, colon));
	if (colon == line->text.n) {
		faults_add(f, t->file, line->number,
		    "has no \":\": write ADDRESS:HASH, or use `postern user add ADDRESS`");
		return;
	}
	if (!table_read_address(address, scratch, &canonical, &why)) {
		faults_add(f, t->file, line->number, "\"%s\" %s", fault_text(address).s, why);
		return;
	}
	e.value = str_trim(str_skip(line->text, colon + 1));
	if (!read_secrets(t, line, e.value, f))
		return;
	if (key_address(canonical, t->pool, &e.key))
		table_add(t, e);
	else
		faults_add(
		    f, t->file, line->number, "\"%s\" has no valid domain", fault_text(address).s);
}

void table_parse_users(struct table *t, struct str text, struct faults *faults)
{
	table_each_line(t, text, faults, read_user);
}
