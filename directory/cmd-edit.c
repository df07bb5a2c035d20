/* SPDX-License-Identifier: ISC */
#include "directory/cmd-edit.h"
#include "directory/rules.h"
#include "directory/text-edit.h"

#include <stdio.h>
#include <sysexits.h>

enum { FAULTS_SHOWN = 20 };

bool edit_report(struct tables *t, bool all)
{
	if (all)
		faults_print(&t->faults, stderr);
	else
		faults_print_errors(&t->faults, FAULTS_SHOWN, stderr);
	return t->faults.errors > 0;
}

static int not_there(const struct edit *e)
{
	fprintf(stderr, "%s: no such %s\n", fault_text(e->key).s,
	    e->table == TABLE_USERS ? "mailbox" : "domain");
	return e->table == TABLE_USERS ? EX_NOUSER : EX_NOHOST;
}

static int there_already(const struct edit *e)
{
	fprintf(stderr, "%s: is there already%s\n", fault_text(e->key).s,
	    e->table == TABLE_USERS ? ": `postern user passwd` sets a new password" : "");
	return EX_CANTCREAT;
}

/* The line of the key in the text as it is; 0: none. */
static unsigned find_line(struct tables *t, const struct edit *e)
{
	struct faults unused = {0};
	struct table table;
	table_init(&table, e->table, t->texts[e->table].path);
	table_parse(&table, buf_str(&t->texts[e->table].buf), &unused);
	const struct table_entry *found = table_find(&table, e->key);
	unsigned line = found == NULL ? 0 : found->line;
	table_free(&table);
	faults_free(&unused);
	return line;
}

static int apply(struct tables *t, const struct edit *e)
{
	struct buf *text = &t->texts[e->table].buf;
	unsigned line = find_line(t, e);
	bool ok = false;
	if (e->kind == EDIT_ADD ? line != 0 : line == 0)
		return e->kind == EDIT_ADD ? there_already(e) : not_there(e);
	switch (e->kind) {
	case EDIT_ADD:
		ok = text_append_line(text, e->line);
		break;
	case EDIT_REPLACE:
		ok = text_replace_line(text, line, e->line);
		break;
	case EDIT_REMOVE:
		ok = text_remove_line(text, line);
		break;
	}
	if (!ok)
		fprintf(stderr, "%s: is too large\n", t->texts[e->table].path);
	return ok ? EX_OK : EX_DATAERR;
}

static int check_and_write(struct tables *t, const struct expand_rules *rules, enum table_id edited)
{
	tables_load(t, rules);
	if (edit_report(t, false)) {
		fprintf(stderr, "nothing was changed\n");
		return EX_DATAERR;
	}
	return tables_write(t, edited, stderr);
}

int edit_run(const struct command_context *ctx, const struct edit *edit)
{
	struct pool *pool = pool_new(RULES_POOL_MAX);
	struct expand_rules rules;
	struct tables t;
	rules_from_conf(ctx->conf, pool, &rules);
	int status = tables_open(&t, ctx->conf->tables, true, stderr);
	if (status == EX_OK)
		status = apply(&t, edit);
	if (status == EX_OK)
		status = check_and_write(&t, &rules, edit->table);
	tables_close(&t);
	pool_free(pool);
	return status;
}

int edit_each(const struct command_context *ctx, enum table_id table, edit_each_fn *fn, void *arg)
{
	struct tables t;
	int status = tables_open(&t, ctx->conf->tables, false, stderr);
	if (status == EX_OK) {
		struct table *parsed = &t.tables[table];
		table_parse(parsed, buf_str(&t.texts[table].buf), &t.faults);
		for (size_t i = 0; i < parsed->count; i++)
			fn(arg, &parsed->entries[i]);
		if (edit_report(&t, false))
			status = EX_DATAERR;
	}
	tables_close(&t);
	return status;
}

int verb_run(const struct verb *verbs, const char *synopsis, const struct command_context *ctx,
    int argc, char **argv)
{
	int status = EX_USAGE;
	for (const struct verb *v = verbs; argc > 1 && v->name != NULL; v++)
		if (strcmp(argv[1], v->name) == 0)
			status = v->run(ctx, argc - 1, argv + 1);
	if (status == EX_USAGE)
		fprintf(stderr, "usage: postern %s\n", synopsis);
	return status;
}

static void take(int *argc, char **argv, int at, int count)
{
	for (int i = at; i + count <= *argc; i++)
		argv[i] = argv[i + count];
	*argc -= count;
}

bool take_flag(int *argc, char **argv, const char *name)
{
	for (int i = 1; i < *argc; i++)
		if (strcmp(argv[i], name) == 0) {
			take(argc, argv, i, 1);
			return true;
		}
	return false;
}

const char *take_value(int *argc, char **argv, const char *name, bool *missing)
{
	*missing = false;
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], name) != 0)
			continue;
		*missing = i + 1 == *argc;
		const char *value = *missing ? NULL : argv[i + 1];
		take(argc, argv, i, *missing ? 1 : 2);
		return value;
	}
	return NULL;
}
