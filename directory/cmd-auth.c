/* SPDX-License-Identifier: ISC
 *
 * postern auth status [ADDRESS|NETWORK|LOGIN] [--json] | release ADDRESS|NETWORK|LOGIN|--all
 */
#include "directory/cmd-ask.h"
#include "directory/cmd-edit.h"
#include "directory/guesses.h"

#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>

#define SYNOPSIS                                                                                   \
	"auth status [ADDRESS|NETWORK|LOGIN] [--json] | release ADDRESS|NETWORK|LOGIN|--all"

/* Names come from the network. */
static void print_line(const struct msg_guess_entry *m)
{
	char last[ASK_TIME_SIZE], until[ASK_TIME_SIZE];
	ask_time(m->last, last);
	ask_time(m->refused_until, until);
	printf("%-8s %-40s %4u failures, last %s%s%s\n", ask_kind(m->kind), fault_text(m->name).s,
	    m->failures, last, m->refused_until == 0 ? "" : ", refused until ",
	    m->refused_until == 0 ? "" : until);
}

static void print_json(const struct msg_guess_entry *m, bool first)
{
	json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:I}", "kind", ask_kind(m->kind), "name",
	    fault_text(m->name).s, "failures", (json_int_t)m->failures, "last",
	    (json_int_t)(m->last / 1000), "refused_until", (json_int_t)(m->refused_until / 1000));
	fputs(first ? "\n  " : ",\n  ", stdout);
	json_dumpf(o, stdout, 0);
	json_decref(o);
}

static bool on_entry(void *ctx, const struct msg_guess_entry *m, int *fds)
{
	struct ask *t = ctx;
	(void)fds;
	if (t->json)
		print_json(m, t->count == 0);
	else
		print_line(m);
	t->count++;
	return true;
}

static const struct operator_directory_client_handlers handlers = {
    .guess_entry = on_entry, .listing_end = ask_on_end};

static int status(const struct command_context *ctx, int argc, char **argv)
{
	struct ask t = {.json = take_flag(&argc, argv, "--json") || ctx->json};
	const struct msg_guess_list m = {.name = str_from_cstr(argc == 2 ? argv[1] : NULL)};
	if (argc > 2 || m.name.n > ADDRESS_MAX)
		return EX_USAGE;
	int result = ask_begin(ctx, &t, &handlers);
	if (result != EX_OK)
		return result;
	fputs(t.json ? "[" : "", stdout);
	msg_guess_list_send(t.channel, &m, NULL);
	result = ask_finish(&t);
	fputs(t.json ? "\n]\n" : "", stdout);
	if (result == EX_OK && !t.json && t.count == 0)
		puts("no failed logins");
	return result;
}

static int release(const struct command_context *ctx, int argc, char **argv)
{
	struct ask t = {.json = false};
	bool all = take_flag(&argc, argv, "--all");
	const struct msg_guess_release m = {.name = str_from_cstr(all ? NULL : argv[1])};
	if (argc != (all ? 1 : 2) || (!all && m.name.n == 0) || m.name.n > ADDRESS_MAX)
		return EX_USAGE;
	int result = ask_begin(ctx, &t, &handlers);
	if (result != EX_OK)
		return result;
	msg_guess_release_send(t.channel, &m, NULL);
	result = ask_finish(&t);
	if (result == EX_OK)
		printf("%u released\n", t.count);
	return result;
}

static const struct verb verbs[] = {{"status", status}, {"release", release}, {NULL, NULL}};

int cmd_auth(const struct command_context *ctx, int argc, char **argv)
{
	return verb_run(verbs, SYNOPSIS, ctx, argc, argv);
}
