/* SPDX-License-Identifier: ISC
 *
 * postern table build|show NAME
 */
#include "directory/alias.h"
#include "directory/cmd-edit.h"
#include "directory/hash-format.h"
#include "directory/map.h"
#include "directory/rules.h"

#include <fcntl.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#define SYNOPSIS "table build | show domains|users|aliases"

static int check_and_write(struct tables *t, const struct expand_rules *rules)
{
	tables_load(t, rules);
	if (edit_report(t, true)) {
		fprintf(stderr, "nothing was built; the old tables stay in use\n");
		return EX_DATAERR;
	}
	int status = tables_write(t, TABLE_COUNT, stderr);
	if (status == EX_OK)
		printf("%zu domains, %zu users, %zu aliases\n", t->tables[TABLE_DOMAINS].count,
		    t->tables[TABLE_USERS].count, t->tables[TABLE_ALIASES].count);
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
	if (!alias_get(value, pool, &targets, &count))
		printf(" (damaged)");
	for (size_t i = 0; i < count; i++) {
		fputs(i == 0 ? " " : ", ", stdout);
		print_target(&targets[i]);
	}
	pool_free(pool);
}

/* In the form of the text table; a hash stays a secret. */
static bool print_record(void *ctx, struct str key, struct str value)
{
	enum table_id table = *(const enum table_id *)ctx;
	printf("%.*s", STR_ARG(key));
	if (table == TABLE_USERS)
		printf(":%s", hash_is_locked(value) ? "*" : "(hash)");
	if (table == TABLE_ALIASES) {
		putchar(':');
		print_alias(value);
	}
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
