/* SPDX-License-Identifier: ISC
 *
 * The tables of the way out, checked against the configuration and each other: what
 * a route or a relay names must be there.
 */
#include "common/nexthop.h"
#include "directory/key.h"
#include "directory/records.h"
#include "directory/tables.h"

#include <sys/stat.h>

static bool has_relay(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->relay_count; i++)
		if (str_eq(str_from_cstr(conf->relays[i].name), name))
			return true;
	return false;
}

static bool has_lmtp(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->lmtp_count; i++)
		if (str_eq(str_from_cstr(conf->lmtps[i].name), name))
			return true;
	return false;
}

static void check_route(
    struct tables *t, const struct conf *conf, const struct table_entry *e, struct str text)
{
	struct nexthop n;
	if (!nexthop_parse(text, &n))
		return;
	if (n.kind == NEXTHOP_RELAY && !has_relay(conf, n.name))
		faults_add(&t->faults, t->tables[TABLE_ROUTES].file, e->line,
		    "%s: the configuration has no section relay %s { ... }: write one, or change "
		    "the route",
		    fault_text(text).s, fault_text(n.name).s);
	if (n.kind == NEXTHOP_SOCKET && !has_lmtp(conf, n.name))
		faults_add(&t->faults, t->tables[TABLE_ROUTES].file, e->line,
		    "%s: the configuration has no section lmtp %s { socket = \"...\" }: write one, "
		    "or change the route",
		    fault_text(text).s, fault_text(n.name).s);
}

static void check_routes(struct tables *t, const struct conf *conf)
{
	const struct table *routes = &t->tables[TABLE_ROUTES];
	for (size_t i = 0; i < routes->count; i++) {
		struct route_record r;
		if (route_get(routes->entries[i].value, &r) && r.kind == ROUTE_NEXTHOP)
			check_route(t, conf, &routes->entries[i], r.text);
	}
}

static void check_logins(struct tables *t, const struct conf *conf)
{
	const struct table *logins = &t->tables[TABLE_LOGINS];
	for (size_t i = 0; i < conf->relay_count; i++) {
		const char *name = conf->relays[i].login;
		if (name != NULL && table_find(logins, str_from_cstr(name)) == NULL)
			faults_add(&t->faults, logins->file, 0,
			    "has no %s, which relay %s in the configuration wants: add a line \"%s "
			    "USER PASSWORD\"",
			    name, conf->relays[i].name, name);
	}
}

/* What is only passed on has nothing here. */
static void check_relayed(struct tables *t, enum table_id id)
{
	const struct table *domains = &t->tables[TABLE_DOMAINS], *table = &t->tables[id];
	for (size_t i = 0; i < table->count; i++) {
		struct str local_part, domain;
		key_split(table->entries[i].key, &local_part, &domain);
		const struct table_entry *e = table_find(domains, domain);
		if (e != NULL && str_eq(e->value, DOMAIN_RELAY))
			faults_add(&t->faults, table->file, table->entries[i].line,
			    "%s is never used, since mail for %s is only passed on: remove it, or "
			    "the word relay in domains",
			    fault_text(table->entries[i].key).s, fault_text(domain).s);
	}
}

void tables_check_routes(struct tables *t, const struct conf *conf)
{
	const struct table_text *logins = &t->texts[TABLE_LOGINS];
	check_relayed(t, TABLE_USERS);
	check_relayed(t, TABLE_ALIASES);
	if (logins->exists && (logins->mode & S_IRWXO))
		faults_add(&t->faults, logins->path, 0,
		    "others can read the passwords: chmod 600 %s", logins->path);
	if (conf == NULL)
		return;
	check_routes(t, conf);
	check_logins(t, conf);
}
