/* SPDX-License-Identifier: ISC
 *
 * postern domain add|remove|list [DOMAIN] [relay]
 */
#include "directory/cmd-edit.h"
#include "directory/records.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define SYNOPSIS "domain add DOMAIN [relay] | remove DOMAIN | list [--json]"
#define RELAY " relay"

enum { LINE_LENGTH_MAX = 1024 };

/* The table's line: the name as it was written, and the word after it. */
static bool put_line(struct buf *line, const char *name, bool relay)
{
	return buf_append_str(line, str_from_cstr(name)) &&
	       (!relay || buf_append_str(line, STR(RELAY)));
}

static int change(const struct command_context *ctx, enum edit_kind kind, const char *name, bool relay)
{
	struct pool *pool = pool_new(8 * 1024);
	struct buf line = BUF_INIT(LINE_LENGTH_MAX);
	struct edit e = {.table = TABLE_DOMAINS, .kind = kind};
	const char *why;
	int status = EX_DATAERR;
	if (!table_read_domain(str_from_cstr(name), pool, &e.key, &why)) {
		fprintf(stderr, "\"%s\" %s\n", fault_text(str_from_cstr(name)).s, why);
	} else if (put_line(&line, name, relay)) {
		e.line = buf_str(&line);
		status = edit_run(ctx, &e);
	}
	buf_release(&line);
	pool_free(pool);
	return status;
}

static int add(const struct command_context *ctx, int argc, char **argv)
{
	bool relay = argc == 3 && strcmp(argv[2], "relay") == 0;
	return argc == 2 || relay ? change(ctx, EDIT_ADD, argv[1], relay) : EX_USAGE;
}

static int remove_domain(const struct command_context *ctx, int argc, char **argv)
{
	return argc == 2 ? change(ctx, EDIT_REMOVE, argv[1], false) : EX_USAGE;
}

static bool is_relay(const struct table_entry *e)
{
	return str_eq(e->value, DOMAIN_RELAY);
}

/* As the table has it. */
static void print_text(void *arg, const struct table_entry *e)
{
	(void)arg;
	printf("%s%s\n", fault_text(e->key).s, is_relay(e) ? RELAY : "");
}

static void collect(void *arg, const struct table_entry *e)
{
	json_array_append_new(
	    arg, json_pack("{s:s%,s:b}", "domain", e->key.p, e->key.n, "relay", is_relay(e)));
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
