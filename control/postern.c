/* SPDX-License-Identifier: ISC
 *
 * postern, the operator's commands. Runs as whoever types it; nothing of it is
 * part of the programs that run.
 */
#include "control/command.h"
#include "control/conf-file.h"
#include "common/paths.h"
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* The column "needs the configuration" of commands.def, besides false and true: the command talks
 * to what runs, and must do so while the file has faults, too. */
enum conf_need { CONF_NOT_NEEDED = false, CONF_NEEDED = true, PLACES };

static const struct command {
	const char *name;
	command_fn *run;
	enum conf_need needs_conf;
	const char *synopsis;
	const char *help;
} commands[] = {
#define COMMAND(name, function, needs_conf, synopsis, help)                                        \
	{name, function, (enum conf_need)(needs_conf), synopsis, help},
#include "control/commands.def"
#undef COMMAND
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* What a long synopsis leaves no room for goes into a line of its own. */
static void print_row(FILE *out, const char *name, const char *synopsis, const char *text)
{
	enum { SYNOPSIS = 44 };
	if (strlen(synopsis) > SYNOPSIS)
		fprintf(
		    out, "  %-7s %s\n  %-7s %-*s  %s\n", name, synopsis, "", SYNOPSIS, "", text);
	else
		fprintf(out, "  %-7s %-*s  %s\n", name, SYNOPSIS, synopsis, text);
}

static void print_usage(FILE *out)
{
	fprintf(out, "usage: postern [-c FILE] [--libexec DIR] [--json] COMMAND ...\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		print_row(out, commands[i].name, commands[i].synopsis, commands[i].help);
	print_row(out, "help", "[COMMAND]", "this list, or what one command takes");
	fprintf(out,
	    "\nThe configuration is " POSTERN_SYSCONFDIR "/postern.conf unless -c names another;\n"
	    "see postern(8) and postern.conf(5).\n");
}

static void print_command_usage(FILE *out, const struct command *c)
{
	fprintf(out, "usage: postern %s%s%s\n  %s\n", c->name, c->synopsis[0] == '\0' ? "" : " ",
	    c->synopsis, c->help);
}

static int help(int argc, char **argv)
{
	const struct command *c = argc > 1 ? find_command(argv[1]) : NULL;
	if (argc > 1 && c == NULL) {
		fprintf(
		    stderr, "postern: there is no command \"%s\": see `postern help`\n", argv[1]);
		return EX_USAGE;
	}
	if (c == NULL)
		print_usage(stdout);
	else
		print_command_usage(stdout, c);
	return EX_OK;
}

/* Takes a word that may stand anywhere out of argv; true when it was there. */
static bool take_word(int *argc, char **argv, const char *word)
{
	int kept = 0;
	bool found = false;
	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			word = "";
		if (strcmp(argv[i], word) == 0)
			found = true;
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	*argc = kept;
	return found;
}

static bool load_conf(
    const struct command_context *ctx, const struct command *c, struct conf_file *file)
{
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	bool ok = conf_file_load(ctx->conf_path, file, &faults);
	if (!ok && c->needs_conf == PLACES && conf_file_salvage(ctx->conf_path, file)) {
		fprintf(
		    stderr, "postern: %s has faults now: see `postern check`\n", ctx->conf_path);
		ok = true;
	} else if (!ok) {
		fwrite(buf_data(&faults), 1, buf_len(&faults), stderr);
	}
	buf_release(&faults);
	return ok;
}

static int run_with_conf(
    struct command_context *ctx, const struct command *c, int argc, char **argv)
{
	struct conf_file file;
	if (!load_conf(ctx, c, &file))
		return EX_CONFIG;
	ctx->conf = file.conf;
	int status = c->run(ctx, argc, argv);
	conf_file_release(&file);
	return status;
}

static int run_command(struct command_context *ctx, int argc, char **argv)
{
	if (strcmp(argv[0], "help") == 0)
		return help(argc, argv);
	const struct command *c = find_command(argv[0]);
	if (c == NULL) {
		fprintf(
		    stderr, "postern: there is no command \"%s\": see `postern help`\n", argv[0]);
		return EX_USAGE;
	}
	if (take_word(&argc, argv, "--help") || take_word(&argc, argv, "-h")) {
		print_command_usage(stdout, c);
		return EX_OK;
	}
	ctx->json |= take_word(&argc, argv, "--json");
	optind = 0; /* the command's own options are parsed anew */
	int status = c->needs_conf == CONF_NOT_NEEDED ? c->run(ctx, argc, argv)
						      : run_with_conf(ctx, c, argc, argv);
	if (status == EX_USAGE)
		print_command_usage(stderr, c);
	return status;
}

/* Options before the command; -1: go on. */
static int parse_options(struct command_context *ctx, int argc, char **argv)
{
	static const struct option options[] = {{"libexec", required_argument, NULL, 'l'},
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'}, {0}};
	for (int c; (c = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1;) {
		if (c == 'c') {
			ctx->conf_path = optarg;
		} else if (c == 'l') {
			ctx->libexec = optarg;
		} else if (c == 'j') {
			ctx->json = true;
		} else if (c == 'h') {
			print_usage(stdout);
			return EX_OK;
		} else if (c == 'V') {
			printf("Postern %s\n", PACKAGE_VERSION);
			return EX_OK;
		} else {
			print_usage(stderr);
			return EX_USAGE;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct command_context ctx = {
	    .conf_path = POSTERN_SYSCONFDIR "/postern.conf", .libexec = POSTERN_LIBEXECDIR};
	int status = parse_options(&ctx, argc, argv);
	if (status >= 0)
		return status;
	if (optind >= argc) {
		print_usage(stderr);
		return EX_USAGE;
	}
	char *conf_path = conf_file_absolute(ctx.conf_path);
	char *libexec = conf_file_absolute(ctx.libexec);
	if (conf_path == NULL || libexec == NULL) {
		fprintf(stderr, "postern: the current directory: %s\n", strerror(errno));
		return EX_NOINPUT;
	}
	ctx.conf_path = conf_path;
	ctx.libexec = libexec;
	status = run_command(&ctx, argc - optind, argv + optind);
	free(conf_path);
	free(libexec);
	if (fflush(stdout) != 0 && status == EX_OK)
		status = EX_IOERR;
	return status;
}
