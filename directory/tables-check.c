/* SPDX-License-Identifier: ISC */
#include "directory/map.h"
#include "directory/tables.h"

#include <sysexits.h>
#include <unistd.h>

static bool is_from_text(const struct map_facts *facts, const struct table_text *text)
{
	if (!text->exists)
		return facts->text_mtime == 0;
	return facts->text_size == text->size && facts->text_mtime == text->mtime;
}

static void check_compiled(struct tables *t, enum table_id id, uint64_t sets[TABLE_COUNT])
{
	const char *why;
	struct map *m = map_open(t->dirfd, id, NULL, &why);
	if (m == NULL) {
		faults_add(&t->faults, t->texts[id].path, 0,
		    "the compiled table beside it %s: run `postern table build`", why);
		return;
	}
	const struct map_facts *facts = map_get_facts(m);
	sets[id] = facts->set;
	if (!is_from_text(facts, &t->texts[id]))
		faults_add(&t->faults, t->texts[id].path, 0,
		    "was changed since it was compiled: run `postern table build`");
	map_close(m);
}

static void check_set(struct tables *t)
{
	uint64_t sets[TABLE_COUNT] = {0};
	size_t before = t->faults.errors;
	for (size_t i = 0; i < TABLE_COUNT; i++)
		check_compiled(t, (enum table_id)i, sets);
	bool same = true;
	for (size_t i = 1; i < TABLE_COUNT; i++)
		same = same && sets[i] == sets[0];
	if (t->faults.errors == before && !same)
		faults_add(&t->faults, t->texts[0].path, 0,
		    "the compiled tables are not of one set: run `postern table build`");
}

/* What programs of this machine send to their users is for users there. */
static void check_hostname(struct tables *t, const struct conf *conf)
{
	char name[DOMAIN_MAX + 1];
	size_t n = strlen(conf->hostname);
	if (n > DOMAIN_MAX)
		return;
	for (size_t i = 0; i < n; i++)
		name[i] = ascii_lower(conf->hostname[i]);
	struct str domain = str_from(name, n);
	if (table_find(&t->tables[TABLE_DOMAINS], domain) == NULL &&
	    !conf_is_system_domain(conf, domain))
		faults_warn(&t->faults, t->texts[TABLE_DOMAINS].path, 0,
		    "the hostname %s is none of your domains, so mail for root@%s, as cron sends it, "
		    "leaves for where DNS says: `postern domain add %s`, and an alias for root, keep it "
		    "here",
		    conf->hostname, conf->hostname, conf->hostname);
}

int tables_check_rules(const char *dir, const struct expand_rules *rules, FILE *out)
{
	struct tables t;
	int status = tables_open(&t, dir, false, out);
	if (status == EX_OK) {
		tables_load(&t, rules);
		if (rules != NULL && rules->conf != NULL)
			check_hostname(&t, rules->conf);
		check_set(&t);
		faults_print(&t.faults, out);
		status = t.faults.errors > 0 ? EX_DATAERR : EX_OK;
	}
	tables_close(&t);
	return status;
}

int tables_check(const char *dir, FILE *out)
{
	return tables_check_rules(dir, NULL, out);
}
