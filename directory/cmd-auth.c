/* SPDX-License-Identifier: ISC
 *
 * postern auth status [ADDRESS|NETWORK|LOGIN] [--json] | release ADDRESS|NETWORK|LOGIN|--all
 */
#include "common/loop.h"
#include "common/msg-operator-directory.h"
#include "directory/cmd-edit.h"
#include "directory/guesses.h"

#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#define SYNOPSIS                                                                                   \
	"auth status [ADDRESS|NETWORK|LOGIN] [--json] | release ADDRESS|NETWORK|LOGIN|--all"

struct talk {
	struct channel *channel;
	bool json, over, broken, ok;
	uint32_t count; /* entries so far, then what the end said */
	char refusal[REASON_MAX + 1];
};

static const char *const kinds[] = {[GUESS_ADDRESS] = "address",
    [GUESS_NETWORK] = "network",
    [GUESS_SITE] = "site",
    [GUESS_LOGIN] = "login"};

static const char *kind_name(uint8_t kind)
{
	return kind >= GUESS_ADDRESS && kind <= GUESS_LOGIN ? kinds[kind] : "unknown";
}

static void format_time(uint64_t ms, char out[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	if (localtime_r(&seconds, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, 32, "?");
}

/* Names come from the network. */
static void print_line(const struct msg_guess_entry *m)
{
	char last[32], until[32];
	format_time(m->last, last);
	format_time(m->refused_until, until);
	printf("%-8s %-40s %4u failures, last %s%s%s\n", kind_name(m->kind), fault_text(m->name).s,
	    m->failures, last, m->refused_until == 0 ? "" : ", refused until ",
	    m->refused_until == 0 ? "" : until);
}

static void print_json(const struct msg_guess_entry *m, bool first)
{
	json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:I}", "kind", kind_name(m->kind), "name",
	    fault_text(m->name).s, "failures", (json_int_t)m->failures, "last",
	    (json_int_t)(m->last / 1000), "refused_until", (json_int_t)(m->refused_until / 1000));
	fputs(first ? "\n  " : ",\n  ", stdout);
	json_dumpf(o, stdout, 0);
	json_decref(o);
}

static bool on_entry(void *ctx, const struct msg_guess_entry *m, int *fds)
{
	struct talk *t = ctx;
	(void)fds;
	if (t->json)
		print_json(m, t->count == 0);
	else
		print_line(m);
	t->count++;
	return true;
}

static bool on_end(void *ctx, const struct msg_guess_end *m, int *fds)
{
	struct talk *t = ctx;
	(void)fds;
	t->over = true;
	t->ok = m->ok != 0;
	t->count = m->count;
	snprintf(t->refusal, sizeof(t->refusal), "%s", fault_text(m->text).s);
	return true;
}

static const struct operator_directory_client_handlers handlers = {
    .guess_entry = on_entry, .guess_end = on_end};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct talk *t = ctx;
	(void)channel;
	fprintf(stderr,
	    "postern: directory broke off (%s): only root and the user of the suite may ask\n",
	    why);
	t->broken = true;
}

static int finish(struct talk *t)
{
	while (!t->over && !t->broken)
		event_base_loop(loop_base(), EVLOOP_ONCE);
	channel_free(t->channel);
	if (t->over && !t->ok)
		fprintf(stderr, "postern: %s\n", t->refusal);
	return t->broken ? EX_NOPERM : t->ok ? EX_OK : EX_UNAVAILABLE;
}

static int begin(const struct command_context *ctx, struct talk *t)
{
	int fd = command_connect(ctx, "directory.sock");
	if (fd < 0)
		return EX_UNAVAILABLE;
	t->channel = channel_new(fd, &operator_directory_client, &handlers, t, on_closed);
	return EX_OK;
}

static int status(const struct command_context *ctx, int argc, char **argv)
{
	struct talk t = {.json = take_flag(&argc, argv, "--json") || ctx->json};
	const struct msg_guess_list m = {.name = str_from_cstr(argc == 2 ? argv[1] : NULL)};
	if (argc > 2 || m.name.n > ADDRESS_MAX)
		return EX_USAGE;
	int result = begin(ctx, &t);
	if (result != EX_OK)
		return result;
	fputs(t.json ? "[" : "", stdout);
	msg_guess_list_send(t.channel, &m, NULL);
	result = finish(&t);
	fputs(t.json ? "\n]\n" : "", stdout);
	if (result == EX_OK && !t.json && t.count == 0)
		puts("no failed logins");
	return result;
}

static int release(const struct command_context *ctx, int argc, char **argv)
{
	struct talk t = {.json = false};
	bool all = take_flag(&argc, argv, "--all");
	const struct msg_guess_release m = {.name = str_from_cstr(all ? NULL : argv[1])};
	if (argc != (all ? 1 : 2) || (!all && m.name.n == 0) || m.name.n > ADDRESS_MAX)
		return EX_USAGE;
	int result = begin(ctx, &t);
	if (result != EX_OK)
		return result;
	msg_guess_release_send(t.channel, &m, NULL);
	result = finish(&t);
	if (result == EX_OK)
		printf("%u released\n", t.count);
	return result;
}

static const struct verb verbs[] = {{"status", status}, {"release", release}, {NULL, NULL}};

int cmd_auth(const struct command_context *ctx, int argc, char **argv)
{
	return verb_run(verbs, SYNOPSIS, ctx, argc, argv);
}
