/* SPDX-License-Identifier: ISC
 *
 * postern table build|show NAME
 */
#include "common/fingerprint.h"
#include "directory/alias.h"
#include "directory/cmd-edit.h"
#include "directory/hash-format.h"
#include "directory/map.h"
#include "directory/records.h"
#include "directory/rules.h"

#include <fcntl.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#define SYNOPSIS "table build | show domains|users|aliases|routes|tls|logins|senders"

static void print_counts(const struct tables *t)
{
	size_t domains = t->tables[TABLE_DOMAINS].count, users = t->tables[TABLE_USERS].count,
	       aliases = t->tables[TABLE_ALIASES].count, routes = t->tables[TABLE_ROUTES].count;
	printf("%zu domain%s, %zu user%s, %zu %s, %zu route%s\n", domains, str_plural(domains),
	    users, str_plural(users), aliases, aliases == 1 ? "alias" : "aliases", routes,
	    str_plural(routes));
}

static int check_and_write(struct tables *t, const struct expand_rules *rules)
{
	tables_load(t, rules);
	if (edit_report(t, true)) {
		fprintf(stderr, "nothing was built; the old tables stay in use\n");
		return EX_DATAERR;
	}
	int status = tables_write(t, TABLE_COUNT, stderr);
	if (status == EX_OK)
		print_counts(t);
	return status;
}

static int build(const struct command_context *ctx, int argc, char **argv)
{
	struct expand_rules rules;
	struct tables t;
	(void)argv;
	/* Always the whole set; a name is taken for the sake of habit. */
	if (argc > 2)
		return EX_USAGE;
	struct pool *pool = pool_new(RULES_POOL_MAX);
	rules_from_conf(ctx->conf, pool, &rules);
	int status = tables_open(&t, ctx->conf->tables, true, stderr);
	if (status == EX_OK)
		status = check_and_write(&t, &rules);
	tables_close(&t);
	pool_free(pool);
	return status;
}

static void print_target(const struct alias_target *t)
{
	static const char *const prefixes[] = {[ALIAS_ADDRESS] = "",
	    [ALIAS_LOCAL_PART] = "",
	    [ALIAS_DOMAIN] = "@",
	    [ALIAS_DISCARD] = "discard:",
	    [ALIAS_REFUSE] = "refuse: "};
	printf("%s%.*s", prefixes[t->kind], STR_ARG(t->text));
}

static void print_alias(struct str value)
{
	struct pool *pool = pool_new(EXPAND_POOL_MAX);
	struct alias_target *targets;
	size_t count = 0;
	putchar(':');
	if (!alias_get(value, pool, &targets, &count))
		printf(" (damaged)");
	for (size_t i = 0; i < count; i++) {
		fputs(i == 0 ? " " : ", ", stdout);
		print_target(&targets[i]);
	}
	pool_free(pool);
}

static void print_domain(struct str value)
{
	if (str_eq(value, DOMAIN_RELAY))
		printf(" relay");
}

/* A hash stays a secret, and so does a password. */
static void print_user(struct str value)
{
	printf(":%s", hash_is_locked(value) ? "*" : "(hash)");
}

static void print_route(struct str value)
{
	static const char *const words[] = {[ROUTE_NEXTHOP] = "",
	    [ROUTE_ERROR] = "error ",
	    [ROUTE_DISCARD] = "discard",
	    [ROUTE_HOLD] = "hold"};
	struct route_record r;
	if (route_get(value, &r))
		printf(" %s%.*s", words[r.kind], STR_ARG(r.text));
	else
		printf(" (damaged)");
}

static void print_tls(struct str value)
{
	struct tls_record r;
	if (!tls_get(value, &r)) {
		printf(" (damaged)");
		return;
	}
	printf(" %s", tls_policy_word(r.policy));
	for (size_t i = 0; i < r.name_count; i++)
		printf(" %.*s", STR_ARG(r.names[i].name));
	for (size_t i = 0; i < r.fingerprint_count; i++) {
		putchar(' ');
		for (size_t k = 0; k < FINGERPRINT_SIZE; k++)
			printf("%02x", (unsigned char)r.fingerprints[i].sha256.p[k]);
	}
}

static void print_login(struct str value)
{
	struct login_record r;
	if (login_get(value, &r))
		printf(" %s (password)", fault_text(r.user).s);
	else
		printf(" (damaged)");
}

static void print_senders(struct str value)
{
	struct senders_record r;
	bool ok = senders_get(value, &r);
	if (!ok)
		printf(" (damaged)");
	for (size_t i = 0; ok && i < r.count; i++)
		printf(" %.*s", STR_ARG(r.patterns[i]));
}

/* In the form of the text table. */
static bool print_record(void *ctx, struct str key, struct str value)
{
	static void (*const rows[TABLE_COUNT])(struct str value) = {
	    [TABLE_DOMAINS] = print_domain,
	    [TABLE_USERS] = print_user,
	    [TABLE_ALIASES] = print_alias,
	    [TABLE_ROUTES] = print_route,
	    [TABLE_TLS] = print_tls,
	    [TABLE_LOGINS] = print_login,
	    [TABLE_SENDERS] = print_senders,
	};
	printf("%.*s", STR_ARG(key));
	rows[*(const enum table_id *)ctx](value);
	putchar('\n');
	return true;
}

static int show_table(const char *dir, enum table_id id)
{
	const char *why = "cannot be opened";
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct map *m = dirfd < 0 ? NULL : map_open(dirfd, id, NULL, &why);
	bool ok = m != NULL && map_each(m, print_record, &id);
	if (m == NULL)
		fprintf(stderr, "%s/%s.db %s\n", dir, table_name(id), why);
	map_close(m);
	if (dirfd >= 0)
		close(dirfd);
	return ok ? EX_OK : EX_DATAERR;
}

static int show(const struct command_context *ctx, int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < TABLE_COUNT; i++)
		if (strcmp(argv[1], table_name((enum table_id)i)) == 0)
			return show_table(ctx->conf->tables, (enum table_id)i);
	return EX_USAGE;
}

static const struct verb verbs[] = {
    {"build", build},
    {"show", show},
    {NULL, NULL},
};

int cmd_table(const struct command_context *ctx, int argc, char **argv)
{
	return verb_run(verbs, SYNOPSIS, ctx, argc, argv);
}
