/* SPDX-License-Identifier: ISC
 *
 * postern queue list|show ID|stats|watch|flush [ID]|hold|release|delete|verify
 */
#include "queue/cmd-queue.h"
#include "queue/queue-watch.h"
#include "queue/spool.h"
#include "common/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

typedef int subcommand_fn(const struct command_context *ctx, struct queue_options *o);

static struct queue_print printer(const struct command_context *ctx)
{
	return (struct queue_print){.out = stdout,
	    .json = ctx->json,
	    .now = loop_wall_ms(),
	    .terminal = isatty(STDOUT_FILENO) != 0};
}

static int list(const struct command_context *ctx, struct queue_options *o)
{
	struct queue_print print = printer(ctx);
	int fd = command_connect(ctx, "queue.sock");
	return fd < 0 ? -fd : queue_client_list(fd, &print, &o->which);
}

static int show(const struct command_context *ctx, struct queue_options *o)
{
	struct queue_print print = printer(ctx);
	int fd = command_connect(ctx, "queue.sock");
	return fd < 0 ? -fd : queue_client_show(fd, &print, o->ids.list[0]);
}

static int stats(const struct command_context *ctx, struct queue_options *o)
{
	struct queue_print print = printer(ctx);
	int fd = command_connect(ctx, "queue.sock");
	return fd < 0 ? -fd : queue_client_stats(fd, &print, o->top);
}

static int watch(const struct command_context *ctx, struct queue_options *o)
{
	int fd = command_connect(ctx, "queue.sock");
	(void)o;
	return fd < 0 ? -fd : queue_watch(fd, stdout);
}

static int flush(const struct command_context *ctx, struct queue_options *o)
{
	struct queue_print print = printer(ctx);
	int fd = command_connect(ctx, "queue.sock");
	uint64_t id = o->ids.count == 0 ? 0 : o->ids.list[0];
	return fd < 0 ? -fd : queue_client_flush(fd, &print, id);
}

static int hold(const struct command_context *ctx, struct queue_options *o)
{
	return queue_command_change(ctx, QUEUE_HOLD, o);
}

static int release(const struct command_context *ctx, struct queue_options *o)
{
	return queue_command_change(ctx, QUEUE_RELEASE, o);
}

static int delete (const struct command_context *ctx, struct queue_options *o)
{
	return queue_command_change(ctx, QUEUE_DELETE, o);
}

static int explain_verify(const char *path, int error)
{
	if (error == EWOULDBLOCK)
		fprintf(stderr, "postern: the spool %s is in use: `postern stop` first\n", path);
	else
		fprintf(stderr, "postern: the spool %s: %s\n", path, strerror(error));
	return error == EWOULDBLOCK ? EX_TEMPFAIL : EX_NOINPUT;
}

static int verify(const struct command_context *ctx, struct queue_options *o)
{
	const char *path = ctx->conf->spool;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)o;
	int faults = dir < 0 ? -1 : spool_verify(dir, stdout);
	int error = errno;
	if (dir >= 0)
		close(dir);
	if (faults < 0)
		return explain_verify(path, error);
	if (faults == 0)
		printf("the spool %s is sound\n", path);
	return faults == 0 ? EX_OK : EX_DATAERR;
}

static const struct {
	const char *name;
	subcommand_fn *run;
	size_t ids_min, ids_max;
	bool filters, yes, top; /* which options make sense */
} subcommands[] = {
    {.name = "list", .run = list, .filters = true},
    {.name = "show", .run = show, .ids_min = 1, .ids_max = 1},
    {.name = "stats", .run = stats, .top = true},
    {.name = "watch", .run = watch},
    {.name = "flush", .run = flush, .ids_max = 1},
    {.name = "hold", .run = hold, .ids_max = SIZE_MAX, .filters = true, .yes = true},
    {.name = "release", .run = release, .ids_max = SIZE_MAX, .filters = true, .yes = true},
    {.name = "delete", .run = delete, .ids_max = SIZE_MAX, .filters = true, .yes = true},
    {.name = "verify", .run = verify},
};

static bool fits(size_t i, const struct queue_options *o)
{
	return o->ids.count >= subcommands[i].ids_min && o->ids.count <= subcommands[i].ids_max &&
	       (subcommands[i].filters || !o->filtered) &&
	       (subcommands[i].yes || (!o->yes && !o->all)) &&
	       (subcommands[i].top || o->top == QUEUE_TOP_DEFAULT);
}

int cmd_queue(const struct command_context *ctx, int argc, char **argv)
{
	struct queue_options o;
	size_t i = 0, count = sizeof(subcommands) / sizeof(subcommands[0]);
	if (argc < 2)
		return EX_USAGE;
	while (i < count && strcmp(argv[1], subcommands[i].name) != 0)
		i++;
	if (i == count)
		return EX_USAGE;
	int status = EX_USAGE;
	if (queue_options_parse(&o, argc - 1, argv + 1, loop_wall_ms()) && fits(i, &o))
		status = subcommands[i].run(ctx, &o);
	queue_options_reset(&o);
	return status;
}
