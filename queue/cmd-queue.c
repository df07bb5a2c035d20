/* SPDX-License-Identifier: ISC
 *
 * postern queue list|show ID|stats|flush [ID]|verify
 */
#include "control/command.h"
#include "queue/queue-client.h"
#include "queue/spool.h"
#include "common/loop.h"
#include "common/queue-id.h"

#include <errno.h>
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

/* `id` is NULL when none was given. */
typedef int subcommand_fn(const struct command_context *ctx, const uint64_t *id);

static struct queue_print printer(const struct command_context *ctx)
{
	return (struct queue_print){.out = stdout,
	    .json = ctx->json,
	    .now = loop_wall_ms(),
	    .terminal = isatty(STDOUT_FILENO) != 0};
}

static int list(const struct command_context *ctx, const uint64_t *id)
{
	struct queue_print print = printer(ctx);
	int fd = command_connect(ctx, "queue.sock");
	(void)id;
	return fd < 0 ? EX_UNAVAILABLE : queue_client_list(fd, &print);
}

static int show(const struct command_context *ctx, const uint64_t *id)
{
	struct queue_print print = printer(ctx);
	int fd = command_connect(ctx, "queue.sock");
	return fd < 0 ? EX_UNAVAILABLE : queue_client_show(fd, &print, *id);
}

static int stats(const struct command_context *ctx, const uint64_t *id)
{
	struct queue_print print = printer(ctx);
	int fd = command_connect(ctx, "queue.sock");
	(void)id;
	return fd < 0 ? EX_UNAVAILABLE : queue_client_stats(fd, &print);
}

static int flush(const struct command_context *ctx, const uint64_t *id)
{
	struct queue_print print = printer(ctx);
	int fd = command_connect(ctx, "queue.sock");
	return fd < 0 ? EX_UNAVAILABLE : queue_client_flush(fd, &print, id == NULL ? 0 : *id);
}

static int explain_verify(const char *path, int error)
{
	if (error == EWOULDBLOCK)
		fprintf(stderr, "postern: the spool %s is in use: `postern stop` first\n", path);
	else
		fprintf(stderr, "postern: the spool %s: %s\n", path, strerror(error));
	return error == EWOULDBLOCK ? EX_TEMPFAIL : EX_NOINPUT;
}

static int verify(const struct command_context *ctx, const uint64_t *id)
{
	const char *path = ctx->conf->spool;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)id;
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

enum id_use { ID_NONE, ID_MAY, ID_MUST };

static const struct {
	const char *name;
	subcommand_fn *run;
	enum id_use id;
} subcommands[] = {
    {"list", list, ID_NONE},
    {"show", show, ID_MUST},
    {"stats", stats, ID_NONE},
    {"flush", flush, ID_MAY},
    {"verify", verify, ID_NONE},
};

static int run(
    const struct command_context *ctx, subcommand_fn *fn, enum id_use use, int argc, char **argv)
{
	uint64_t id;
	if (argc > (use == ID_NONE ? 0 : 1) || (use == ID_MUST && argc == 0))
		return EX_USAGE;
	if (argc == 0)
		return fn(ctx, NULL);
	if (queue_id_parse(str_from_cstr(argv[0]), &id))
		return fn(ctx, &id);
	fprintf(stderr, "postern: \"%s\" is not a queue id: see `postern queue list`\n", argv[0]);
	return EX_USAGE;
}

int cmd_queue(const struct command_context *ctx, int argc, char **argv)
{
	if (argc < 2)
		return EX_USAGE;
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (strcmp(argv[1], subcommands[i].name) == 0)
			return run(ctx, subcommands[i].run, subcommands[i].id, argc - 2, argv + 2);
	return EX_USAGE;
}
