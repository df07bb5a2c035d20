/* SPDX-License-Identifier: ISC
 *
 * `postern status`: a row for each process, as a table or as JSON.
 */
#include "control/control-client.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

enum { TIME_SIZE = 32 };

static const char *state_of(const struct msg_program_status *row)
{
	return row->ready ? "ready" : row->pid != 0 ? "not ready" : "down";
}

/* For people in their own zone; for programs as RFC 3339 says. */
static void format_time(uint64_t ms, bool utc, char out[TIME_SIZE])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	size_t n = 0;
	if (utc && gmtime_r(&seconds, &tm) != NULL)
		n = strftime(out, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	else if (!utc && localtime_r(&seconds, &tm) != NULL)
		n = strftime(out, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
	out[n] = '\0';
}

static void print_row(void *ctx, const struct msg_program_status *row)
{
	char since[TIME_SIZE] = "-", pid[16] = "-";
	bool *headed = ctx;
	if (!*headed)
		printf("%-14s %8s %8s  %-9s  %-19s %9s\n", "PROGRAM", "INSTANCE", "PID", "STATE",
		    "SINCE", "RESTARTS");
	*headed = true;
	if (row->pid != 0) {
		format_time(row->since, false, since);
		snprintf(pid, sizeof(pid), "%u", row->pid);
	}
	printf("%-14.*s %8u %8s  %-9s  %-19s %9u\n", STR_ARG(row->name), row->instance, pid,
	    state_of(row), since, row->restarts);
}

static void add_row(void *ctx, const struct msg_program_status *row)
{
	json_t *list = ctx;
	char since[TIME_SIZE];
	format_time(row->since, true, since);
	json_array_append_new(list,
	    json_pack("{s:s%, s:i, s:i, s:b, s:s?, s:i}", "name", row->name.p, row->name.n,
		"instance", (int)row->instance, "pid", (int)row->pid, "ready", (int)row->ready,
		"since", row->pid == 0 ? NULL : since, "restarts", (int)row->restarts));
}

static json_t *list_of_lines(struct str text)
{
	json_t *list = json_array();
	while (text.n > 0) {
		struct str line = str_take_line(&text);
		json_array_append_new(list, json_pack("s%", line.p, line.n));
	}
	return list;
}

static int print_table(const struct command_context *ctx)
{
	bool headed = false;
	struct control_answer answer = {.on_program = print_row, .ctx = &headed};
	int status = control_ask(ctx, CONTROL_STATUS, &answer);
	struct str text = buf_str(&answer.text);
	while (text.n > 0) {
		struct str line = str_take_line(&text);
		printf("warning: %.*s\n", STR_ARG(line));
	}
	buf_release(&answer.text);
	return status;
}

static int print_json(const struct command_context *ctx)
{
	json_t *list = json_array();
	struct control_answer answer = {.on_program = add_row, .ctx = list};
	int status = control_ask(ctx, CONTROL_STATUS, &answer);
	json_t *all = json_pack("{s:o, s:o}", "programs", list, "warnings",
	    list_of_lines(buf_str(&answer.text)));
	if (status == EX_OK && all != NULL) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(all);
	buf_release(&answer.text);
	return status;
}

int cmd_status(const struct command_context *ctx, int argc, char **argv)
{
	if (argc > 1) {
		fprintf(stderr, "postern: status takes no argument \"%s\"\n", argv[1]);
		return EX_USAGE;
	}
	return ctx->json ? print_json(ctx) : print_table(ctx);
}
