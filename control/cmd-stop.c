/* SPDX-License-Identifier: ISC
 *
 * `postern stop` and `postern reload`.
 */
#include "control/control-client.h"
#include "control/run-dir.h"

#include "common/loop.h"

#include <stdio.h>
#include <sysexits.h>
#include <time.h>

enum { GONE_PATIENCE_MS = 20 * 1000, GONE_PAUSE_MS = 20 };

static bool no_arguments(int argc, char **argv)
{
	if (argc > 1)
		fprintf(stderr, "postern: %s takes no argument \"%s\"\n", argv[0], argv[1]);
	return argc <= 1;
}

static int wait_until_gone(const char *run)
{
	const struct timespec pause = {.tv_nsec = GONE_PAUSE_MS * 1000000L};
	uint64_t deadline = loop_now_ms() + GONE_PATIENCE_MS;
	pid_t owner;
	while ((owner = run_dir_owner(run)) != 0) {
		if (loop_now_ms() > deadline) {
			fprintf(stderr,
			    "postern: process %d is still stopping; no mail is lost when it is "
			    "killed\n",
			    (int)owner);
			return EX_TEMPFAIL;
		}
		nanosleep(&pause, NULL);
	}
	return EX_OK;
}

int cmd_stop(const struct command_context *ctx, int argc, char **argv)
{
	struct control_answer answer = {.outcome = CONTROL_REFUSED};
	if (!no_arguments(argc, argv))
		return EX_USAGE;
	int status = control_ask(ctx, CONTROL_STOP, &answer);
	buf_release(&answer.text);
	return status == EX_OK ? wait_until_gone(ctx->conf->run) : status;
}

static int explain_outcome(enum control_outcome outcome)
{
	if (outcome == CONTROL_BAD_CERTIFICATES) {
		fprintf(stderr,
		    "postern: these certificates were refused; everything else was taken anew\n");
	} else if (outcome == CONTROL_NOT_JUDGED) {
		fprintf(stderr,
		    "postern: everything was taken anew, but whether the certificates can be used "
		    "is not known yet: see `postern status`\n");
		return EX_TEMPFAIL;
	}
	return outcome == CONTROL_DONE ? EX_OK : EX_CONFIG;
}

int cmd_reload(const struct command_context *ctx, int argc, char **argv)
{
	struct control_answer answer = {.outcome = CONTROL_REFUSED};
	if (!no_arguments(argc, argv))
		return EX_USAGE;
	int status = control_ask(ctx, CONTROL_RELOAD, &answer);
	fwrite(buf_data(&answer.text), 1, buf_len(&answer.text), stderr);
	if (status == EX_OK)
		status = explain_outcome(answer.outcome);
	buf_release(&answer.text);
	return status;
}
