/* SPDX-License-Identifier: ISC
 *
 * `postern check`: every fault of the configuration, then of the tables, texts, certificates and
 * of what must be there for mail to be put away; `postern check network` is in
 * cmd-check-network.c.
 */
#include "common/mailbox-root.h"
#include "control/anchor-check.h"
#include "control/check-certificates.h"
#include "control/check-mailboxes.h"
#include "control/check-pam.h"
#include "control/cmd-check-network.h"
#include "control/conf-file.h"

#include "directory/tables.h"
#include "queue/templates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* deliver-local's, when the suite is started as root. */
#define MAIL_USER "postern-mail"

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

static int check_anchor(const struct command_context *ctx)
{
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	bool sound = anchor_check(ctx->conf, ctx->conf_path, &faults);
	fwrite(buf_data(&faults), 1, buf_len(&faults), stderr);
	buf_release(&faults);
	return sound ? EX_OK : EX_CONFIG;
}

static int check_files(const struct command_context *ctx)
{
	int tables = check_tables(ctx->conf), templates = check_templates(ctx->conf);
	int certificates = check_certificates(ctx->conf, ctx->conf_path, stderr);
	int anchor = check_anchor(ctx);
	int status = tables != EX_OK	     ? tables
		     : templates != EX_OK    ? templates
		     : certificates != EX_OK ? certificates
					     : anchor;
	char *mailboxes = mailbox_root_path(ctx->conf);
	check_mailboxes(mailboxes, MAIL_USER, ctx->conf_path, stderr);
	free(mailboxes);
	if (ctx->conf->system.domains.count > 0 && ctx->conf->system.pam)
		check_pam(check_pam_directories, ctx->conf_path, stderr);
	if (status == EX_OK)
		printf("%s: ok\n", ctx->conf_path);
	return status;
}

int cmd_check(const struct command_context *ctx, int argc, char **argv)
{
	bool network = argc > 1 && strcmp(argv[1], "network") == 0;
	struct conf_file file;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	int status = EX_CONFIG;
	if (argc > 1 && !network) {
		fprintf(stderr, "postern: check takes no argument \"%s\"\n", argv[1]);
		return EX_USAGE;
	}
	if (conf_file_load(ctx->conf_path, &file, &faults)) {
		struct command_context with_conf = *ctx;
		with_conf.conf = file.conf;
		status = network ? cmd_check_network(&with_conf, argc - 1, argv + 1)
				 : check_files(&with_conf);
		conf_file_release(&file);
	} else {
		fwrite(buf_data(&faults), 1, buf_len(&faults), stderr);
	}
	buf_release(&faults);
	return status;
}
