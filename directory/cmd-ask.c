/* SPDX-License-Identifier: ISC */
#include "directory/cmd-ask.h"
#include "common/loop.h"
#include "directory/cmd-edit.h"
#include "directory/faults.h"
#include "directory/guess-key.h"

#include <stdio.h>
#include <sysexits.h>
#include <time.h>

const char *ask_kind_name(uint8_t kind)
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

static int begin(const struct command_context *ctx, struct ask *a, const struct ask_kind *kind)
{
	int fd = command_connect(ctx, "directory.sock");
	if (fd < 0)
		return -fd;
	a->channel = channel_new(fd, &operator_directory_client, kind->handlers, a, on_closed);
	return EX_OK;
}

static int finish(struct ask *a)
{
	while (!a->over && !a->broken)
		event_base_loop(loop_base(), EVLOOP_ONCE);
	channel_free(a->channel);
	if (a->over && !a->ok)
		fprintf(stderr, "postern: %s\n", a->refusal);
	return a->broken ? EX_NOPERM : a->ok ? EX_OK : EX_UNAVAILABLE;
}

int ask_status(const struct command_context *ctx, struct ask *a, const struct ask_kind *kind,
    int argc, char **argv)
{
	a->json = take_flag(&argc, argv, "--json") || ctx->json;
	struct str name = str_from_cstr(argc == 2 ? argv[1] : NULL);
	a->named = name.n > 0;
	if (argc > 2 || name.n > ADDRESS_MAX)
		return EX_USAGE;
	int result = begin(ctx, a, kind);
	if (result != EX_OK)
		return result;
	fputs(a->json ? "[" : "", stdout);
	kind->list(a->channel, name);
	result = finish(a);
	fputs(a->json ? "\n]\n" : "", stdout);
	return result;
}

int ask_release(
    const struct command_context *ctx, const struct ask_kind *kind, int argc, char **argv)
{
	struct ask a = {.json = false};
	bool all = take_flag(&argc, argv, "--all");
	struct str name = str_from_cstr(all ? NULL : argv[1]);
	if (argc != (all ? 1 : 2) || (!all && name.n == 0) || name.n > ADDRESS_MAX)
		return EX_USAGE;
	int result = begin(ctx, &a, kind);
	if (result != EX_OK)
		return result;
	kind->release(a.channel, name);
	result = finish(&a);
	if (result != EX_OK)
		return result;
	if (a.count == 0 && !all) {
		fprintf(stderr, "postern: nothing is counted of %.*s\n", STR_ARG(name));
		return EX_UNAVAILABLE;
	}
	printf("%u %s\n", a.count, kind->released);
	return EX_OK;
}

void ask_show_json(struct ask *a, json_t *entry)
{
	fputs(a->shown == 0 ? "\n  " : ",\n  ", stdout);
	json_dumpf(entry, stdout, 0);
	json_decref(entry);
}
