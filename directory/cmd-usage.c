/* SPDX-License-Identifier: ISC
 *
 * postern usage status [NAME] [--all] [--json] | release ADDRESS|NETWORK|LOGIN|--all
 */
#include "directory/cmd-ask.h"
#include "directory/cmd-edit.h"
#include "directory/faults.h"

#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>

#define SYNOPSIS "usage status [NAME] [--all] [--json] | release ADDRESS|NETWORK|LOGIN|--all"

enum { NEAR_PERCENT = 80, TEXT_SIZE = 64 };

struct look {
	struct ask ask; /* first */
	bool all;	/* else only who is near or over a limit */
};

static bool shows_all(const struct look *l)
{
	return l->all || l->ask.named;
}

/* "over" when not one more fits. */
static const char *standing(uint64_t sent, uint32_t limit)
{
	if (limit == 0 || sent * 100 < (uint64_t)limit * NEAR_PERCENT)
		return "";
	return sent >= limit ? "over" : "near";
}

static const char *standing_of(const struct msg_usage_entry *m)
{
	const char *hour = standing(m->hour, m->hour_limit);
	const char *day = standing(m->day, m->day_limit);
	return day[0] == '\0' || hour[0] == 'o' ? hour : day;
}

static void format_count(uint64_t sent, uint32_t limit, char out[TEXT_SIZE])
{
	if (limit == 0)
		snprintf(out, TEXT_SIZE, "%llu", (unsigned long long)sent);
	else
		snprintf(out, TEXT_SIZE, "%llu of %u", (unsigned long long)sent, limit);
}

static void print_clients(const struct msg_usage_entry *m)
{
	for (size_t i = 0; i < m->clients_count; i++)
		printf("%s%s", i == 0 ? "; from " : ", ", fault_text(m->clients[i].name).s);
}

static void print_line(const struct msg_usage_entry *m)
{
	char hour[TEXT_SIZE], day[TEXT_SIZE], passed[ASK_TIME_SIZE];
	format_count(m->hour, m->hour_limit, hour);
	format_count(m->day, m->day_limit, day);
	ask_time(m->passed, passed);
	printf("%-8s %-40s %-4s %s in an hour, %s in a day", ask_kind_name(m->kind),
	    fault_text(m->name).s, standing_of(m), hour, day);
	if (m->passed != 0)
		printf("; passed %s, %s%s", passed, m->held ? "mail is held" : "mail is refused",
		    m->waits ? ", the postmaster is not told yet" : "");
	print_clients(m);
	putchar('\n');
}

static void print_json(struct ask *a, const struct msg_usage_entry *m)
{
	json_t *clients = json_array();
	for (size_t i = 0; i < m->clients_count; i++)
		json_array_append_new(clients, json_string(fault_text(m->clients[i].name).s));
	json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s,s:I,s:b,s:o}", "kind",
	    ask_kind_name(m->kind), "name", fault_text(m->name).s, "standing", standing_of(m),
	    "hour", (json_int_t)m->hour, "hour_limit", (json_int_t)m->hour_limit, "day",
	    (json_int_t)m->day, "day_limit", (json_int_t)m->day_limit, "over_limit",
	    m->held ? "hold" : "refuse", "passed", (json_int_t)(m->passed / 1000), "told",
	    m->passed != 0 && !m->waits, "clients", clients);
	ask_show_json(a, o);
}

static bool on_entry(void *ctx, const struct msg_usage_entry *m, int *fds)
{
	struct look *l = ctx;
	(void)fds;
	if (!shows_all(l) && standing_of(m)[0] == '\0')
		return true;
	if (l->ask.json)
		print_json(&l->ask, m);
	else
		print_line(m);
	l->ask.shown++;
	return true;
}

static const struct operator_directory_client_handlers handlers = {
    .usage_entry = on_entry, .listing_end = ask_on_end};

static void send_list(struct channel *channel, struct str name)
{
	msg_usage_list_send(channel, &(struct msg_usage_list){.name = name}, NULL);
}

static void send_release(struct channel *channel, struct str name)
{
	msg_usage_release_send(channel, &(struct msg_usage_release){.name = name}, NULL);
}

static const struct ask_kind kind = {&handlers, send_list, send_release, "set back"};

static int status(const struct command_context *ctx, int argc, char **argv)
{
	struct look l = {.all = take_flag(&argc, argv, "--all")};
	int result = ask_status(ctx, &l.ask, &kind, argc, argv);
	if (result == EX_OK && !l.ask.json && l.ask.shown == 0)
		puts(shows_all(&l) ? "nothing was sent" : "nobody is near a limit");
	return result;
}

static int release(const struct command_context *ctx, int argc, char **argv)
{
	return ask_release(ctx, &kind, argc, argv);
}

static const struct verb verbs[] = {{"status", status}, {"release", release}, {NULL, NULL}};

int cmd_usage(const struct command_context *ctx, int argc, char **argv)
{
	return verb_run(verbs, SYNOPSIS, ctx, argc, argv);
}
