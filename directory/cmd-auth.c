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

/* Names come from the network. The words behind them stand in columns. */
static void print_line(const struct msg_guess_entry *m)
{
	char last[ASK_TIME_SIZE], until[ASK_TIME_SIZE];
	ask_time(m->last, last);
	ask_time(m->refused_until, until);
	printf("%-8s %-40s %4u %-9s last %s%s%s\n", ask_kind_name(m->kind), fault_text(m->name).s,
	    m->failures, m->failures == 1 ? "failure," : "failures,", last,
	    m->refused_until == 0 ? "" : ", refused until ", m->refused_until == 0 ? "" : until);
}

static void print_json(struct ask *a, const struct msg_guess_entry *m)
{
	json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:I}", "kind", ask_kind_name(m->kind), "name",
	    fault_text(m->name).s, "failures", (json_int_t)m->failures, "last",
	    (json_int_t)(m->last / 1000), "refused_until", (json_int_t)(m->refused_until / 1000));
	ask_show_json(a, o);
}

static bool on_entry(void *ctx, const struct msg_guess_entry *m, int *fds)
{
	struct ask *a = ctx;
	(void)fds;
	if (a->json)
		print_json(a, m);
	else
		print_line(m);
	a->shown++;
	return true;
}

static const struct operator_directory_client_handlers handlers = {
    .guess_entry = on_entry, .listing_end = ask_on_end};

static void send_list(struct channel *channel, struct str name)
{
	msg_guess_list_send(channel, &(struct msg_guess_list){.name = name}, NULL);
}

static void send_release(struct channel *channel, struct str name)
{
	msg_guess_release_send(channel, &(struct msg_guess_release){.name = name}, NULL);
}

static const struct ask_kind kind = {&handlers, send_list, send_release, "released"};

static int status(const struct command_context *ctx, int argc, char **argv)
{
	struct ask a = {.shown = 0};
	int result = ask_status(ctx, &a, &kind, argc, argv);
	if (result == EX_OK && !a.json && a.shown == 0)
		puts("no failed logins");
	return result;
}

static int release(const struct command_context *ctx, int argc, char **argv)
{
	return ask_release(ctx, &kind, argc, argv);
}

static const struct verb verbs[] = {{"status", status}, {"release", release}, {NULL, NULL}};

int cmd_auth(const struct command_context *ctx, int argc, char **argv)
{
	return verb_run(verbs, SYNOPSIS, ctx, argc, argv);
}
