/* SPDX-License-Identifier: ISC */
#include "directory/cmd-ask.h"
#include "common/loop.h"
#include "directory/faults.h"
#include "directory/guess-key.h"

#include <stdio.h>
#include <sysexits.h>
#include <time.h>

const char *ask_kind(uint8_t kind)
{
	static const char *const kinds[] = {[GUESS_ADDRESS] = "address",
	    [GUESS_NETWORK] = "network",
	    [GUESS_SITE] = "site",
	    [GUESS_LOGIN] = "login"};
	return kind >= GUESS_ADDRESS && kind <= GUESS_LOGIN ? kinds[kind] : "unknown";
}

void ask_time(uint64_t ms, char out[ASK_TIME_SIZE])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(out, ASK_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, ASK_TIME_SIZE, "?");
}

bool ask_on_end(void *ctx, const struct msg_listing_end *m, int *fds)
{
	struct ask *a = ctx;
	(void)fds;
	a->over = true;
	a->ok = m->ok != 0;
	a->count = m->count;
	snprintf(a->refusal, sizeof(a->refusal), "%s", fault_text(m->text).s);
	return true;
}

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct ask *a = ctx;
	(void)channel;
	fprintf(stderr,
	    "postern: directory broke off (%s): only root and the user of the suite may ask\n",
	    why);
	a->broken = true;
}

int ask_begin(const struct command_context *ctx, struct ask *a,
    const struct operator_directory_client_handlers *handlers)
{
	int fd = command_connect(ctx, "directory.sock");
	if (fd < 0)
		return EX_UNAVAILABLE;
	a->channel = channel_new(fd, &operator_directory_client, handlers, a, on_closed);
	return EX_OK;
}

int ask_finish(struct ask *a)
{
	while (!a->over && !a->broken)
		event_base_loop(loop_base(), EVLOOP_ONCE);
	channel_free(a->channel);
	if (a->over && !a->ok)
		fprintf(stderr, "postern: %s\n", a->refusal);
	return a->broken ? EX_NOPERM : a->ok ? EX_OK : EX_UNAVAILABLE;
}
