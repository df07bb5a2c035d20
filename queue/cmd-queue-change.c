/* SPDX-License-Identifier: ISC
 *
 * postern queue hold|release|delete: messages by their ids, or all that fit.
 */
#include "queue/cmd-queue.h"

#include <sysexits.h>
#include <unistd.h>

static const struct {
	const char *verb, *done;
	bool asks;
} changes[] = {
    [QUEUE_HOLD] = {"hold", "held", false},
    [QUEUE_RELEASE] = {"release", "released", false},
    [QUEUE_DELETE] = {"delete", "deleted", true},
};

static bool is_agreed(enum queue_change change, const struct queue_options *o)
{
	char line[16];
	if (!changes[change].asks || o->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr, "postern: %s asks on a terminal; without one, give --yes\n",
		    changes[change].verb);
		return false;
	}
	fprintf(stderr, "%s %zu message%s, without a word to the sender%s? [y/N] ",
	    changes[change].verb, o->ids.count, str_plural(o->ids.count), str_plural(o->ids.count));
	return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

static int collect(const struct command_context *ctx, struct queue_options *o)
{
	int fd = command_connect(ctx, "queue.sock");
	return fd < 0 ? -fd : queue_client_collect(fd, &o->which, &o->ids);
}

static void say(const struct command_context *ctx, enum queue_change change, size_t changed)
{
	if (ctx->json)
		printf("{\"%s\":%zu}\n", changes[change].done, changed);
	else
		printf("%s %zu message%s\n", changes[change].done, changed, str_plural(changed));
}

int queue_command_change(
    const struct command_context *ctx, enum queue_change change, struct queue_options *o)
{
	size_t changed = 0;
	if ((o->ids.count > 0) + o->filtered + o->all != 1) {
		fprintf(stderr, "postern: give the ids of messages, or what they have in common "
				"(--sender, --recipient, --domain, --state, --older), or --all\n");
		return EX_USAGE;
	}
	int status = o->ids.count > 0 ? EX_OK : collect(ctx, o);
	if (status != EX_OK || o->ids.count == 0) {
		if (status == EX_OK)
			say(ctx, change, 0);
		return status;
	}
	if (!is_agreed(change, o))
		return EX_NOPERM;
	int fd = command_connect(ctx, "queue.sock");
	if (fd < 0)
		return -fd;
	status = queue_client_change(fd, change, &o->ids, &changed);
	if (status == EX_OK)
		say(ctx, change, changed);
	return status;
}
