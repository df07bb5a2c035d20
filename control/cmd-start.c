/* SPDX-License-Identifier: ISC
 *
 * `postern start`: becomes control, or, with --detach, starts it in a session of its
 * own and waits until every program is at work.
 */
#include "control/command.h"
#include "control/log-tail.h"
#include "control/start-word.h"

#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* Programs may have much to recover; past this the operator is told so and looks himself. */
enum { READY_PATIENCE_MS = 120 * 1000 };

static int become_control(const struct command_context *ctx, int ready_fd)
{
	char *path = xasprintf("%s/control", ctx->libexec);
	char number[16];
	snprintf(number, sizeof(number), "%d", ready_fd);
	const char *argv[] = {"control", "-c", ctx->conf_path, "-l", ctx->libexec,
	    ready_fd < 0 ? NULL : "-r", number, NULL};
	execv(path, (char *const *)(uintptr_t)argv);
	fprintf(stderr,
	    "postern: %s cannot be executed: %s: is it installed, and --libexec right?\n", path,
	    strerror(errno));
	free(path);
	return EX_OSFILE;
}

__attribute__((noreturn)) static void detached(
    const struct command_context *ctx, const int pipe_ends[2])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	setsid();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(EX_OSERR);
	close(pipe_ends[0]);
	_exit(become_control(ctx, pipe_ends[1]));
}

static int explain_end(const struct command_context *ctx, int status, off_t mark)
{
	struct buf text;
	struct str line = log_tail_error(ctx->conf->log_path, mark, &text);
	if (line.n > 0)
		fprintf(stderr, "%.*s\n", STR_ARG(line));
	buf_release(&text);
	if (ctx->conf->log_path != NULL)
		fprintf(stderr, "postern: not started; the log is %s\n", ctx->conf->log_path);
	else
		fprintf(stderr, "postern: not started\n");
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	return EX_UNAVAILABLE;
}

/* What the pipe brings: the length of the word that all is ready (start-word.h); 0 its end, -1
 * neither in time. */
static ssize_t read_word(int fd, char word[START_WORD_MAX])
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;
	do
		n = poll(&p, 1, READY_PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	return n <= 0 ? -1 : read(fd, word, START_WORD_MAX);
}

static void warn(struct str text)
{
	while (text.n > 0) {
		struct str line = str_take_line(&text);
		fprintf(stderr, "postern: warning: %.*s\n", STR_ARG(line));
	}
}

static int wait_until_ready(const struct command_context *ctx, pid_t pid, int fd, off_t mark)
{
	int status = 0;
	char word[START_WORD_MAX];
	ssize_t n = read_word(fd, word);
	if (n > 0) {
		warn(str_from(word + 1, (size_t)n - 1));
		printf("started: process %d\n", (int)pid);
		return EX_OK;
	}
	if (n < 0) {
		fprintf(stderr,
		    "postern: process %d runs, but not every program is ready yet: see `postern "
		    "status`\n",
		    (int)pid);
		return EX_TEMPFAIL;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return explain_end(ctx, status, mark);
}

static int start_detached(const struct command_context *ctx)
{
	int pipe_ends[2];
	off_t mark = log_tail_mark(ctx->conf->log_path);
	if (pipe(pipe_ends) < 0) {
		perror("postern: pipe");
		return EX_OSERR;
	}
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		perror("postern: fork");
		return EX_OSERR;
	}
	if (pid == 0)
		detached(ctx, pipe_ends);
	close(pipe_ends[1]);
	int status = wait_until_ready(ctx, pid, pipe_ends[0], mark);
	close(pipe_ends[0]);
	return status;
}

int cmd_start(const struct command_context *ctx, int argc, char **argv)
{
	static const struct option options[] = {{"detach", no_argument, NULL, 'd'}, {0}};
	bool detach = false;
	for (int c; (c = getopt_long(argc, argv, "d", options, NULL)) != -1;) {
		if (c != 'd')
			return EX_USAGE;
		detach = true;
	}
	if (optind != argc) {
		fprintf(stderr, "postern: start takes no argument \"%s\"\n", argv[optind]);
		return EX_USAGE;
	}
	return detach ? start_detached(ctx) : become_control(ctx, -1);
}
