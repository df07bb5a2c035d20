/* SPDX-License-Identifier: ISC
 *
 * The operator's commands: `postern NAME ...`. Each is one row of
 * control/commands.def and one function in the folder that knows the matter
 * (directory/cmd-user.c, queue/cmd-queue.c, ...). None of it is linked into
 * the supervisor that runs as root.
 */
#ifndef POSTERN_COMMAND_H
#define POSTERN_COMMAND_H

#include "common/conf.h"

struct command_context {
	const char *conf_path;	 /* -c FILE, else POSTERN_SYSCONFDIR/postern.conf */
	const struct conf *conf; /* NULL for the few commands that do without (flag in the row) */
	bool json;		 /* --json */
	const char *libexec;	 /* where the programs are */
};

/* argv[0] is the command's own name; returns a status of sysexits.h. */
typedef int command_fn(const struct command_context *ctx, int argc, char **argv);

/* Connects to a Unix socket in the run directory, e.g. "queue.sock". After having said why on
 * stderr and what to do ("the suite is not running: postern start"): the exit status that fits, as
 * a negative number. */
int command_connect(const struct command_context *ctx, const char *name);

#define COMMAND(name, function, needs_conf, synopsis, help) command_fn function;
#include "control/commands.def"
#undef COMMAND

#endif
