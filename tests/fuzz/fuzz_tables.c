/* SPDX-License-Identifier: ISC
 *
 * The text tables: any octets as domains, users, aliases and so on, separated by NUL;
 * checked against each other as `postern table build` does.
 */
#include "common/mem.h"
#include "directory/alias.h"
#include "directory/records.h"
#include "directory/tables.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(struct tables *t, const uint8_t *data, size_t size)
{
	struct str rest = str_from(data, size);
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		struct str text = i + 1 < TABLE_COUNT ? str_head(rest, str_find(rest, '\0')) : rest;
		rest = str_skip(rest, text.n + 1);
		t->texts[i].path = xstrdup(table_name((enum table_id)i));
		t->texts[i].buf = BUF_INIT(TABLE_TEXT_MAX);
		buf_append_str(&t->texts[i].buf, text);
		table_init(&t->tables[i], (enum table_id)i, t->texts[i].path);
	}
}

static bool is_record(enum table_id id, struct str value)
{
	struct route_record route;
	struct tls_record tls;
	struct login_record login;
	struct senders_record senders;
	switch (id) {
	case TABLE_ROUTES:
		return route_get(value, &route);
	case TABLE_TLS:
		return tls_get(value, &tls);
	case TABLE_LOGINS:
		return login_get(value, &login);
	case TABLE_SENDERS:
		return senders_get(value, &senders);
	default:
		return true;
	}
}

/* What the parsers let through is what the rest relies on. */
static void check_records(const struct tables *t)
{
	struct pool *pool = pool_new(EXPAND_POOL_MAX);
	for (size_t id = 0; id < TABLE_COUNT; id++)
		for (size_t i = 0; i < t->tables[id].count; i++) {
			const struct table_entry *e = &t->tables[id].entries[i];
			struct alias_target *targets;
			size_t count;
			if (e->key.n == 0 || e->key.n > ADDRESS_MAX || e->line == 0 ||
			    str_find(e->key, '\n') < e->key.n || str_find(e->key, '\0') < e->key.n)
				abort();
			pool_reset(pool);
			if (id == TABLE_ALIASES && !alias_get(e->value, pool, &targets, &count))
				abort();
			if (!is_record((enum table_id)id, e->value))
				abort();
			if (table_find(&t->tables[id], e->key) != e)
				abort();
		}
	pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct expand_rules rules = {
	    .postmaster = STR("ann@example.org"), .delimiters = STR("+-")};
	struct tables t = {.dir = "", .dirfd = -1};
	fill(&t, data, size);
	tables_load(&t, &rules);
	check_records(&t);
	tables_close(&t);
	return 0;
}
