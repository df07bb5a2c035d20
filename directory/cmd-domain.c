/* SPDX-License-Identifier: ISC
 *
 * postern domain add|remove|list [DOMAIN]
 */
#include "directory/cmd-edit.h"

#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>

#define SYNOPSIS "domain add DOMAIN | remove DOMAIN | list [--json]"

static int change(const struct command_context *ctx, enum edit_kind kind, const char *name)
{
	struct pool *pool = pool_new(8 * 1024);
	struct edit e = {.table = TABLE_DOMAINS, .kind = kind};
	const char *why;
	int status = EX_DATAERR;
	e.line = str_from_cstr(name);
	if (table_read_domain(e.line, pool, &e.key, &why))
		status = edit_run(ctx, &e);
	else
		fprintf(stderr, "\"%s\" %s\n", fault_text(e.line).s, why);
	pool_free(pool);
	return status;
}

static int add(const struct command_context *ctx, int argc, char **argv)
{
	return argc == 2 ? change(ctx, EDIT_ADD, argv[1]) : EX_USAGE;
}

static int remove_domain(const struct command_context *ctx, int argc, char **argv)
{
	return argc == 2 ? change(ctx, EDIT_REMOVE, argv[1]) : EX_USAGE;
}

static void print_text(void *arg, const struct table_entry *e)
{
	(void)arg;
	printf("%s\n", fault_text(e->key).s);
}

static void collect(void *arg, const struct table_entry *e)
{
	json_array_append_new(arg, json_stringn(e->key.p, e->key.n));
}

static int list(const struct command_context *ctx, int argc, char **argv)
{
	bool json = take_flag(&argc, argv, "--json") || ctx->json;
	if (argc != 1)
		return EX_USAGE;
	if (!json)
		return edit_each(ctx, TABLE_DOMAINS, print_text, NULL);
	json_t *array = json_array();
	int status = edit_each(ctx, TABLE_DOMAINS, collect, array);
	json_dumpf(array, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(array);
	return status;
}

static const struct verb verbs[] = {
    {"add", add},
    {"remove", remove_domain},
    {"list", list},
    {NULL, NULL},
};

int cmd_domain(const struct command_context *ctx, int argc, char **argv)
{
	return verb_run(verbs, SYNOPSIS, ctx, argc, argv);
}
