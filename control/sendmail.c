/* SPDX-License-Identifier: ISC
 *
 * sendmail, mailq and newaliases for local programs. Runs as whoever calls it,
 * with no right of its own: the server learns the caller from the kernel, and what
 * this program claims counts for no more than what any client claims.
 */
#include "control/conf-file.h"
#include "control/letter.h"
#include "control/smtp-client.h"
#include "control/smtp-relay.h"

#include "common/mem.h"
#include "common/paths.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFAULT_CONF POSTERN_SYSCONFDIR "/postern.conf"
#define SIZE_DEFAULT ((uint64_t)50 * 1024 * 1024)

/* What sendmail needs to know of the configuration; it must work where it cannot be read, too. */
struct settings {
	char *run;
	uint64_t message_max;
};

static int say(int status, const char *what)
{
	fprintf(stderr, "sendmail: %s\n", what);
	return status;
}

static int load_settings(struct settings *s, const char *conf_path)
{
	struct conf_file file;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	char *path = conf_file_absolute(conf_path == NULL ? DEFAULT_CONF : conf_path);
	int status = EX_OK;
	*s = (struct settings){.message_max = SIZE_DEFAULT};
	/* While somebody edits it mail goes on. */
	if (path != NULL &&
	    (conf_file_load(path, &file, &faults) || conf_file_salvage(path, &file))) {
		s->run = xstrdup(file.conf->run);
		s->message_max = file.conf->smtp.message_max;
		conf_file_release(&file);
	} else if (conf_path == NULL) {
		s->run = xstrdup(POSTERN_RUNDIR);
	} else {
		fprintf(stderr, "%.*s", STR_ARG(buf_str(&faults)));
		status = EX_CONFIG;
	}
	free(path);
	buf_release(&faults);
	return status;
}

/* --- What `postern` does for it --- */

/* The program `postern` that lies beside this one. */
static char *find_postern(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
	struct str path = str_from(self, n > 0 && (size_t)n < sizeof(self) ? (size_t)n : 0);
	size_t slash = str_rfind(path, '/');
	if (slash >= path.n)
		return xstrdup("postern");
	return xasprintf("%.*s/postern", (int)slash, path.p);
}

/* Becomes `postern [-c FILE] WORD WORD`. */
static int become_postern(const struct sendmail_options *o, const char *word, const char *second)
{
	char *path = find_postern();
	const char *argv[6] = {"postern"};
	size_t n = 1;
	if (o->conf_path != NULL) {
		argv[n++] = "-c";
		argv[n++] = o->conf_path;
	}
	argv[n++] = word;
	argv[n] = second;
	execv(path, (char *const *)(uintptr_t)argv);
	fprintf(stderr, "sendmail: %s cannot be executed: %s\n", path, strerror(errno));
	free(path);
	return EX_OSFILE;
}

static int list_queue(const struct sendmail_options *o, const struct settings *s)
{
	(void)s;
	return become_postern(o, "queue", "list");
}

static int build_tables(const struct sendmail_options *o, const struct settings *s)
{
	(void)s;
	return become_postern(o, "table", "build");
}

/* The queue is always being run. */
static int run_queue(const struct sendmail_options *o, const struct settings *s)
{
	(void)o;
	(void)s;
	return EX_OK;
}

static int submit(const struct sendmail_options *o, const struct settings *s)
{
	return letter_submit(o, s->run, s->message_max);
}

static int speak_smtp(const struct sendmail_options *o, const struct settings *s)
{
	(void)o;
	int fd = smtp_client_connect(s->run);
	return fd < 0 ? EX_TEMPFAIL : smtp_relay(fd);
}

static int (*const modes[])(const struct sendmail_options *, const struct settings *) = {
    [SENDMAIL_SUBMIT] = submit,
    [SENDMAIL_SMTP] = speak_smtp,
    [SENDMAIL_LIST_QUEUE] = list_queue,
    [SENDMAIL_BUILD_TABLES] = build_tables,
    [SENDMAIL_RUN_QUEUE] = run_queue,
};

int main(int argc, char **argv)
{
	struct sendmail_options o;
	struct settings s;
	signal(SIGPIPE, SIG_IGN);
	if (sendmail_options_parse(&o, argc, argv) != EX_OK)
		return say(EX_USAGE, o.why);
	int status = load_settings(&s, o.conf_path);
	if (status == EX_OK)
		status = modes[o.mode](&o, &s);
	free(s.run);
	return status;
}
