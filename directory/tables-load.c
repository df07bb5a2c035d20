/* SPDX-License-Identifier: ISC
 *
 * The texts parsed, and checked against each other: what one table promises
 * another must keep, or mail would be accepted for nobody.
 */
#include "directory/tables.h"
#include "common/system-user.h"
#include "directory/alias.h"
#include "directory/key.h"
#include "directory/records.h"
#include "directory/system-lookup.h"

#include <sys/stat.h>

/* A local part that nobody has, to try catch-alls with. */
#define PROBE STR("postern-check-no-such-mailbox")

struct checker {
	struct tables *t;
	struct system_lookup with_users;
	struct lookup lookup;
	struct expand_rules rules;
	bool with_postmaster;
	struct pool *pool;    /* of the alias at hand */
	struct pool *scratch; /* of one expansion */
};

/* The alias at hand. */
struct subject {
	const struct table_entry *entry;
	struct alias_target *targets;
	size_t count;
	bool sound;
};

static void alias_fault(
    struct checker *c, struct subject *s, unsigned line, struct str what, const char *why)
{
	s->sound = false;
	faults_add(&c->t->faults, c->t->tables[TABLE_ALIASES].file, line, "%s %s",
	    fault_text(what).s, why);
}

static bool is_our_domain(const struct checker *c, struct str domain)
{
	return lookup_get(&c->lookup, TABLE_DOMAINS, domain, c->scratch, NULL) == LOOKUP_FOUND;
}

static bool is_system_domain(const struct checker *c, struct str domain)
{
	return c->rules.conf != NULL && conf_is_system_domain(c->rules.conf, domain);
}

static void check_users(struct checker *c)
{
	const struct table *users = &c->t->tables[TABLE_USERS];
	const struct table_text *text = &c->t->texts[TABLE_USERS];
	for (size_t i = 0; i < users->count; i++) {
		const struct table_entry *e = &users->entries[i];
		struct str local_part, domain;
		key_split(e->key, &local_part, &domain);
		if (is_system_domain(c, domain))
			faults_add(&c->t->faults, users->file, e->line,
			    "the mailboxes of %s are those of this machine's users (system-users): "
			    "remove this one",
			    fault_text(domain).s);
		else if (!is_our_domain(c, domain))
			faults_add(&c->t->faults, users->file, e->line,
			    "%s is not in domains: add it with `postern domain add`, or remove "
			    "this "
			    "mailbox",
			    fault_text(domain).s);
	}
	if (text->exists && (text->mode & S_IROTH))
		faults_warn(&c->t->faults, users->file, 0,
		    "everybody can read the password hashes: chmod 640 %s", users->file);
}

/* Who are the users of the machine is not asked here. */
static bool may_log_in(const struct checker *c, struct str user)
{
	struct str local_part, domain;
	key_split(user, &local_part, &domain);
	return is_system_domain(c, domain) || table_find(&c->t->tables[TABLE_USERS], user) != NULL;
}

static void check_senders(struct checker *c)
{
	const struct table *senders = &c->t->tables[TABLE_SENDERS];
	for (size_t i = 0; i < senders->count; i++)
		if (!may_log_in(c, senders->entries[i].key))
			faults_warn(&c->t->faults, senders->file, senders->entries[i].line,
			    "%s has no mailbox in users, so nobody logs in by that name",
			    fault_text(senders->entries[i].key).s);
}

static void check_target_exists(struct checker *c, struct subject *s, size_t i, struct str address)
{
	pool_reset(c->scratch);
	if (expand_exists(&c->lookup, &c->rules, address, c->scratch) != LOOKUP_FOUND)
		alias_fault(c, s, s->entry->target_lines[i], address,
		    "does not exist: add it with `postern user add`, or take it off the list");
}

/* Targets, as they are in this domain. */
static void check_targets(struct checker *c, struct subject *s, struct str domain, bool absolute)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct alias_target *t = &s->targets[i];
		struct str address;
		if (t->kind == ALIAS_ADDRESS && absolute)
			check_target_exists(c, s, i, t->text);
		if (t->kind == ALIAS_LOCAL_PART && key_join(t->text, domain, c->pool, &address))
			check_target_exists(c, s, i, address);
	}
}

/* Plain lack of a mailbox was reported where the target stands. */
static bool is_reported(struct checker *c, const struct expansion *x)
{
	struct str text = x->text;
	return x->status == EXPAND_DANGLING &&
	       expand_exists(&c->lookup, &c->rules, text, c->scratch) == LOOKUP_NONE;
}

/* What the whole alias comes to for one address. */
static void check_expansion(struct checker *c, struct subject *s, struct str address)
{
	static const struct {
		enum expand_status status;
		const char *why;
	} rows[] = {
	    {EXPAND_DANGLING,
		"leads to no mailbox: add one with `postern user add`, or change the alias"},
	    {EXPAND_LOOP,
		"comes back to itself: name a mailbox, or list the alias's own address to keep "
		"a copy in the mailbox of that name"},
	    {EXPAND_TOO_MANY, "stands for more than 1000 recipients, or for more than 150 KiB of "
			      "them: make the lists smaller"},
	    {EXPAND_TOO_DEEP, "is reached through more than 32 aliases: make the chain shorter"},
	    {EXPAND_FAILED, "cannot be expanded: make the lists smaller"},
	};
	struct expansion x;
	pool_reset(c->scratch);
	expand(&c->lookup, &c->rules, address, c->scratch, &x);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == x.status && !is_reported(c, &x))
			alias_fault(c, s, s->entry->line, x.text, rows[i].why);
}

static void check_one_address(
    struct checker *c, struct subject *s, struct str local_part, struct str domain)
{
	struct str address;
	if (!is_our_domain(c, domain)) {
		alias_fault(c, s, s->entry->line, domain,
		    "is not in domains: add it with `postern domain add`, or remove this alias");
		return;
	}
	check_targets(c, s, domain, true);
	if (s->sound && key_join(local_part.n > 0 ? local_part : PROBE, domain, c->pool, &address))
		check_expansion(c, s, address);
}

/* An alias of a local part alone applies in every domain that has nothing of that name. */
static bool applies_in(struct checker *c, struct str local_part, struct str domain)
{
	struct str address;
	return key_join(local_part, domain, c->pool, &address) &&
	       table_find(&c->t->tables[TABLE_ALIASES], address) == NULL &&
	       lookup_get(&c->lookup, TABLE_USERS, address, c->pool, NULL) != LOOKUP_FOUND;
}

/* Every domain whose addresses are ours: those of the table, then those of the machine's users.
 * False when there is no further one. */
static bool get_domain(const struct checker *c, size_t i, struct str *domain, unsigned *line)
{
	const struct table *domains = &c->t->tables[TABLE_DOMAINS];
	const struct conf *conf = c->rules.conf;
	if (i < domains->count) {
		*domain = domains->entries[i].key;
		*line = domains->entries[i].line;
		if (str_eq(domains->entries[i].value, DOMAIN_RELAY))
			*domain = (struct str){NULL, 0};
		return true;
	}
	i -= domains->count;
	*line = 0;
	if (conf == NULL || i >= conf->system.domains.count)
		return false;
	*domain = str_from_cstr(conf->system.domains.list[i]);
	return true;
}

static void check_everywhere(struct checker *c, struct subject *s)
{
	struct str key = s->entry->key, address, domain;
	bool relative = false, first = true;
	unsigned line;
	for (size_t i = 0; i < s->count; i++)
		relative = relative || s->targets[i].kind == ALIAS_LOCAL_PART;
	for (size_t i = 0; (first || relative) && get_domain(c, i, &domain, &line); i++) {
		if (domain.n == 0 || !applies_in(c, key, domain))
			continue;
		check_targets(c, s, domain, first);
		if (s->sound && key_join(key, domain, c->pool, &address))
			check_expansion(c, s, address);
		first = false;
	}
}

/* A mailbox that gets no mail, because an alias takes it all. */
static void check_hidden_mailbox(struct checker *c, const struct subject *s)
{
	struct str local_part, domain, address, key;
	if (table_find(&c->t->tables[TABLE_USERS], s->entry->key) == NULL)
		return;
	key_split(s->entry->key, &local_part, &domain);
	for (size_t i = 0; i < s->count; i++) {
		const struct alias_target *t = &s->targets[i];
		address = t->text;
		if (t->kind == ALIAS_LOCAL_PART && !key_join(t->text, domain, c->pool, &address))
			return;
		if (key_address(address, c->pool, &key) && str_eq(key, s->entry->key))
			return;
	}
	faults_warn(&c->t->faults, c->t->tables[TABLE_ALIASES].file, s->entry->line,
	    "the mailbox %s gets nothing, since this alias takes its mail: list %s among the "
	    "targets "
	    "to keep a copy",
	    fault_text(s->entry->key).s, fault_text(s->entry->key).s);
}

static void check_alias(struct checker *c, const struct table_entry *e)
{
	struct subject s = {.entry = e, .sound = true};
	struct str local_part, domain;
	pool_reset(c->pool);
	if (!alias_get(e->value, c->pool, &s.targets, &s.count))
		return;
	key_split(e->key, &local_part, &domain);
	if (str_find(e->key, '@') == e->key.n) {
		check_everywhere(c, &s);
		return;
	}
	check_one_address(c, &s, local_part, domain);
	check_hidden_mailbox(c, &s);
}

/* RFC 5321 §4.5.1; one domain is enough to say it. */
static void check_postmaster(struct checker *c)
{
	const struct table *domains = &c->t->tables[TABLE_DOMAINS];
	struct str domain;
	unsigned line;
	for (size_t i = 0; get_domain(c, i, &domain, &line); i++) {
		struct expansion x;
		struct str address;
		pool_reset(c->pool);
		if (domain.n == 0)
			domain = domains->entries[i].key;
		if (!key_join(STR("postmaster"), domain, c->pool, &address))
			return;
		expand(&c->lookup, &c->rules, address, c->pool, &x);
		if (x.status == EXPAND_OK || x.status == EXPAND_REFUSED)
			continue;
		faults_warn(&c->t->faults, domains->file, line,
		    x.status == EXPAND_NO_MAILBOX ? "mail to %s is refused, which RFC 5321 §4.5.1 "
						    "forbids: set \"postmaster\" in "
						    "the configuration"
						  : "mail to %s cannot be delivered: "
						    "\"postmaster\" in the configuration names no "
						    "mailbox",
		    fault_text(address).s);
		return;
	}
}

/* What programs of the machine write to root; with too low a uid root has no mailbox. */
static void check_root(struct checker *c, struct str domain)
{
	struct expansion x;
	struct str address;
	pool_reset(c->pool);
	if (!key_join(STR("root"), domain, c->pool, &address))
		return;
	expand(&c->lookup, &c->rules, address, c->pool, &x);
	if (x.status == EXPAND_NO_MAILBOX)
		faults_warn(&c->t->faults, c->t->tables[TABLE_ALIASES].file, 0,
		    "mail to %s is refused, as to every user below uid-min: write an alias, such "
		    "as \"root: admin\"",
		    fault_text(address).s);
}

static void check_system_domains(struct checker *c)
{
	const struct conf *conf = c->rules.conf;
	for (size_t i = 0; conf != NULL && i < conf->system.domains.count; i++) {
		struct str domain = str_from_cstr(conf->system.domains.list[i]);
		const struct table_entry *e = table_find(&c->t->tables[TABLE_DOMAINS], domain);
		if (e != NULL)
			faults_add(&c->t->faults, c->t->tables[TABLE_DOMAINS].file, e->line,
			    "%s belongs to the machine's users (system-users in the "
			    "configuration): remove it here or there",
			    fault_text(domain).s);
		check_root(c, domain);
	}
}

static enum user_verdict look_user(void *ctx, struct str name)
{
	const struct checker *c = ctx;
	uint32_t uid;
	return system_user_find(&c->rules.conf->system, name, &uid);
}

static void check_domains(struct checker *c)
{
	const struct table_text *text = &c->t->texts[TABLE_DOMAINS];
	const struct conf *conf = c->rules.conf;
	if (conf != NULL && conf->system.domains.count > 0)
		return;
	if (c->t->tables[TABLE_DOMAINS].count == 0 && c->t->faults.errors == 0)
		faults_warn(&c->t->faults, text->path, 0,
		    "%s: no mail is accepted until `postern domain add DOMAIN`",
		    text->exists ? "names no domain" : "is missing");
}

void tables_load(struct tables *t, const struct expand_rules *rules)
{
	struct checker c = {.t = t, .with_postmaster = rules != NULL};
	c.rules = rules != NULL ? *rules : (struct expand_rules){.delimiters = STR("+")};
	c.with_users = (struct system_lookup){
	    .tables = tables_lookup(t), .conf = c.rules.conf, .look = look_user, .ctx = &c};
	c.lookup = system_lookup_get(&c.with_users);
	for (size_t i = 0; i < TABLE_COUNT; i++)
		table_parse(&t->tables[i], buf_str(&t->texts[i].buf), &t->faults);
	c.pool = pool_new(EXPAND_POOL_MAX);
	c.scratch = pool_new(EXPAND_POOL_MAX);
	check_domains(&c);
	check_users(&c);
	check_senders(&c);
	check_system_domains(&c);
	for (size_t i = 0; i < t->tables[TABLE_ALIASES].count; i++)
		check_alias(&c, &t->tables[TABLE_ALIASES].entries[i]);
	if (c.with_postmaster)
		check_postmaster(&c);
	tables_check_routes(t, c.rules.conf);
	pool_free(c.pool);
	pool_free(c.scratch);
}
