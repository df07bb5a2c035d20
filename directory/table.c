/* SPDX-License-Identifier: ISC */
#include "directory/table.h"
#include "common/address.h"
#include "common/mem.h"
#include "directory/key.h"
#include "directory/lines.h"

#include <stdlib.h>

/* Of all keys and records of one table. */
#define TABLE_POOL_MAX ((size_t)4 * 1024 * 1024 * 1024)

static const struct {
	const char *name;
	table_parser *parse;
} kinds[TABLE_COUNT] = {
    [TABLE_DOMAINS] = {"domains", table_parse_domains},
    [TABLE_USERS] = {"users", table_parse_users},
    [TABLE_ALIASES] = {"aliases", table_parse_aliases},
    [TABLE_ROUTES] = {"routes", table_parse_routes},
    [TABLE_TLS] = {"tls", table_parse_tls},
    [TABLE_LOGINS] = {"logins", table_parse_logins},
    [TABLE_SENDERS] = {"senders", table_parse_senders},
};

const char *table_name(enum table_id id)
{
	return kinds[id].name;
}

void table_init(struct table *t, enum table_id id, const char *file)
{
	*t = (struct table){.id = id, .file = file, .pool = pool_new(TABLE_POOL_MAX)};
}

void table_free(struct table *t)
{
	pool_free(t->pool);
	free(t->entries);
	*t = (struct table){0};
}

void table_add(struct table *t, struct table_entry entry)
{
	if (t->count == t->cap) {
		t->cap = t->cap == 0 ? 64 : t->cap * 2;
		t->entries = xreallocarray(t->entries, t->cap, sizeof(*t->entries));
	}
	t->entries[t->count++] = entry;
}

bool table_add_record(struct table *t, struct table_entry *entry, const struct buf *value)
{
	if (!pool_copy(t->pool, buf_str(value), &entry->value))
		return false;
	table_add(t, *entry);
	return true;
}

void table_each_line(struct table *t, struct str text, struct faults *faults, table_line_fn *fn)
{
	struct pool *scratch = pool_new((size_t)64 * 1024);
	struct lines lines;
	struct line line;
	lines_init(&lines, text, t->file, faults);
	while (lines_next(&lines, &line)) {
		pool_reset(scratch);
		fn(t, &line, scratch, faults);
	}
	pool_free(scratch);
}

struct str table_word(struct str *rest)
{
	size_t n = 0;
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	struct str word = str_head(*rest, n);
	*rest = str_trim(str_skip(*rest, n));
	return word;
}

/* As Berkeley DB orders keys: bytes, then length. */
static int compare_keys(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

static int compare_entries(const void *a, const void *b)
{
	const struct table_entry *x = a, *y = b;
	int order = compare_keys(x->key, y->key);
	if (order != 0)
		return order;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* Of those with the same key the first stays. */
static void report_twice(struct table *t, struct faults *faults)
{
	size_t kept = 0;
	for (size_t i = 0; i < t->count; i++) {
		struct table_entry *e = &t->entries[i];
		if (kept > 0 && str_eq(t->entries[kept - 1].key, e->key)) {
			faults_add(faults, t->file, e->line,
			    "%s is there already, at line %u: keep one of the two",
			    fault_text(e->key).s, t->entries[kept - 1].line);
			continue;
		}
		t->entries[kept++] = *e;
	}
	t->count = kept;
}

void table_parse(struct table *t, struct str text, struct faults *faults)
{
	kinds[t->id].parse(t, text, faults);
	if (t->count > 1)
		qsort(t->entries, t->count, sizeof(*t->entries), compare_entries);
	report_twice(t, faults);
}

const struct table_entry *table_find(const struct table *t, struct str key)
{
	size_t low = 0, high = t->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = compare_keys(t->entries[mid].key, key);
		if (order == 0)
			return &t->entries[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool table_read_address(struct str text, struct pool *pool, struct str *canonical, const char **why)
{
	struct address a;
	switch (address_parse(text, true, &a)) {
	case ADDRESS_OK:
		break;
	case ADDRESS_TOO_LONG:
		*why = "is longer than RFC 5321 allows: 64 octets before the @, 255 after it";
		return false;
	case ADDRESS_SYNTAX:
	case ADDRESS_NEEDS_UTF8:
		*why = "is no mail address: write local-part@domain";
		return false;
	}
	if (a.domain.n == 0 || !address_canonical(&a, pool, canonical)) {
		*why = "has no valid domain: write local-part@domain";
		return false;
	}
	return true;
}

bool table_read_domain(struct str text, struct pool *pool, struct str *key, const char **why)
{
	*why = "is no domain: write it as in an address, after the @, e.g. example.org";
	if (str_find(text, '@') < text.n) {
		*why = "is no domain: write only what follows the @";
		return false;
	}
	return address_is_domain(text, true) && key_domain(text, pool, key);
}

bool table_read_pattern(struct str text, struct pool *pool, struct str *key, const char **why)
{
	struct str domain;
	if (str_eq(text, STR("*")))
		return pool_copy(pool, text, key);
	if (text.n == 0 || text.p[0] != '.')
		return table_read_domain(text, pool, key, why);
	if (!table_read_domain(str_skip(text, 1), pool, &domain, why))
		return false;
	char *dotted = pool_alloc(pool, domain.n + 1);
	if (dotted == NULL)
		return false;
	dotted[0] = '.';
	memcpy(dotted + 1, domain.p, domain.n);
	*key = (struct str){dotted, domain.n + 1};
	return true;
}
