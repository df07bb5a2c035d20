/* SPDX-License-Identifier: ISC
 *
 * What `postern user` and `postern domain` share: change one line of a text
 * table, check the whole, put it in place compiled.
 */
#ifndef POSTERN_DIRECTORY_CMD_EDIT_H
#define POSTERN_DIRECTORY_CMD_EDIT_H

#include "control/command.h"
#include "directory/tables.h"

enum edit_kind { EDIT_ADD, EDIT_REPLACE, EDIT_REMOVE };

struct edit {
	enum table_id table;
	enum edit_kind kind;
	struct str key;
	struct str line; /* not for EDIT_REMOVE */
};

/* Does it all; a status of sysexits.h, after having said what is wrong on stderr. Nothing was
 * changed unless it is EX_OK. */
int edit_run(const struct command_context *ctx, const struct edit *edit);

/* Calls fn for each record of the text table in the order of the keys. */
typedef void edit_each_fn(void *ctx, const struct table_entry *e);
int edit_each(const struct command_context *ctx, enum table_id table, edit_each_fn *fn, void *arg);

/* Prints the faults (all, or the first few with how many more) and says whether there is an
 * error among them. */
bool edit_report(struct tables *t, bool all);

/* Rows of a command's verbs. */
struct verb {
	const char *name;
	/* argv[0] is the verb; EX_USAGE without a word when the arguments do not fit. */
	int (*run)(const struct command_context *ctx, int argc, char **argv);
};
/* Finds and runs a verb; the last row has no name. `synopsis` is for those who asked for
 * something else. */
int verb_run(const struct verb *verbs, const char *synopsis, const struct command_context *ctx,
    int argc, char **argv);
/* Takes the option out of the arguments: whether it was there. */
bool take_flag(int *argc, char **argv, const char *name);
/* The same for one with a value; NULL: not there. *missing: there, but without one. */
const char *take_value(int *argc, char **argv, const char *name, bool *missing);

#endif
