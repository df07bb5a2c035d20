/* SPDX-License-Identifier: ISC
 *
 * Shared by cmd-queue.c (what asks), cmd-queue-change.c (what changes) and
 * cmd-queue-options.c.
 */
#ifndef POSTERN_QUEUE_CMD_QUEUE_H
#define POSTERN_QUEUE_CMD_QUEUE_H

#include "control/command.h"
#include "queue/queue-client.h"

/* What was given after the subcommand's name. */
struct queue_options {
	struct msg_queue_list which; /* strings are borrowed from argv */
	bool filtered;		     /* something of it was given */
	bool all, yes;
	unsigned top; /* rows of statistics */
	struct queue_ids ids;
};

enum { QUEUE_TOP_DEFAULT = 20, QUEUE_TOP_MAX = 1000 };

/* False after having said on stderr what is wrong. */
bool queue_options_parse(struct queue_options *o, int argc, char **argv, uint64_t now);
void queue_options_reset(struct queue_options *o);

int queue_command_change(
    const struct command_context *ctx, enum queue_change change, struct queue_options *o);

#endif
