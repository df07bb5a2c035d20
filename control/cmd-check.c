/* SPDX-License-Identifier: ISC
 *
 * `postern check`: every fault of the configuration, then of the tables and templates.
 */
#include "control/command.h"
#include "control/conf-file.h"

#include "directory/tables.h"
#include "queue/templates.h"

#include <stdio.h>
#include <sysexits.h>

static int check_tables(const struct conf *conf)
{
	const struct expand_rules rules = {
	    .postmaster = str_from_cstr(conf->postmaster == NULL ? "" : conf->postmaster),
	    .delimiters = str_from_cstr(conf->recipient_delimiter),
	    .conf = conf};
	return tables_check_rules(conf->tables, &rules, stderr);
}

static void on_template_fault(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s\n", text);
}

static int check_templates(const struct conf *conf)
{
	struct templates templates;
	bool sound = templates_load(&templates, conf->queue.templates, on_template_fault, NULL);
	templates_reset(&templates);
	return sound ? EX_OK : EX_CONFIG;
}

int cmd_check(const struct command_context *ctx, int argc, char **argv)
{
	struct conf_file file;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	int status = EX_CONFIG;
	if (argc > 1) {
		fprintf(stderr, "postern: check takes no argument \"%s\"\n", argv[1]);
		return EX_USAGE;
	}
	if (conf_file_load(ctx->conf_path, &file, &faults)) {
		int tables = check_tables(file.conf), templates = check_templates(file.conf);
		status = tables != EX_OK ? tables : templates;
		conf_file_release(&file);
	} else {
		fwrite(buf_data(&faults), 1, buf_len(&faults), stderr);
	}
	if (status == EX_OK)
		printf("%s: ok\n", ctx->conf_path);
	buf_release(&faults);
	return status;
}
