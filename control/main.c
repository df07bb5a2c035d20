/* SPDX-License-Identifier: ISC
 *
 * control, the supervisor: `postern start` becomes it.
 *
 *   runs as    root when started as root, else the caller
 *   reads      the configuration, once per start and reload
 *   writes     the run directory; opens the log
 *   talks to   every program it started, and operators over control.sock
 *   may never  read a byte that came from the network
 */
#include "control/anchor-check.h"
#include "control/certificates.h"
#include "control/conf-file.h"
#include "control/listen.h"
#include "control/notify.h"
#include "control/operator.h"
#include "control/privilege.h"
#include "control/run-dir.h"
#include "control/start-word.h"
#include "control/suite.h"

#include "common/forked.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* How long what a killed suite left behind may still hold its addresses. */
enum { CRASH_PATIENCE_MS = 10 * 1000 };

static struct {
	const char *conf_path;
	const char *libexec;
	int ready_fd; /* `postern start --detach` waits at its other end; -1: nobody does */
	struct run_dir run;
	int status;
	struct event *watchdog;
} control = {.libexec = POSTERN_LIBEXECDIR, .ready_fd = -1};

__attribute__((noreturn)) static void usage(void)
{
	fprintf(stderr, "control is started by `postern start`\n");
	exit(EX_USAGE);
}

static void parse_options(int argc, char **argv)
{
	uint64_t fd;
	for (int c; (c = getopt(argc, argv, "c:l:r:")) != -1;) {
		if (c == 'c')
			control.conf_path = optarg;
		else if (c == 'l')
			control.libexec = optarg;
		else if (c == 'r' && str_parse_u64(str_from_cstr(optarg), INT32_MAX, &fd))
			control.ready_fd = (int)fd;
		else
			usage();
	}
	if (control.conf_path == NULL || optind != argc)
		usage();
}

/* What whoever typed `postern start` had open is no business of a server's: a shell's pipe would
 * stay open as long as we run, and go to nobody but stay in reach. */
static void close_strays(const struct listeners *inherited)
{
	int *keep = xreallocarray(NULL, inherited->count + 1, sizeof(*keep));
	for (size_t i = 0; i < inherited->count; i++)
		keep[i] = inherited->list[i].fd;
	keep[inherited->count] = control.ready_fd;
	forked_close_all_but(keep, inherited->count + 1);
	free(keep);
}

/* 0, 1 and 2 are open, so that nothing of ours is taken for them. */
static void open_standard_descriptors(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* The operator reads standard error now, whatever becomes of the log. */
__attribute__((noreturn)) static void refuse(int status, const struct buf *faults)
{
	(void)!write(STDERR_FILENO, buf_data(faults), buf_len(faults));
	exit(status);
}

static int open_log(const struct conf *conf, struct buf *faults)
{
	int fd = child_raise_fd(log_open(conf->log_sink, conf->log_path));
	if (fd < 0) {
		bool file = conf->log_sink == LOG_SINK_FILE;
		buf_printf(faults, "the log cannot be opened: %s: %s%s\n",
		    file ? conf->log_path : "/dev/log", strerror(errno),
		    file ? "" : "; start a syslog daemon, or name a file: log = \"/...\"");
		refuse(EX_CANTCREAT, faults);
	}
	log_init("control", conf->hostname, conf->log_sink, conf->log_format, conf->log_verbose);
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own >= 0)
		log_set_fd(own);
	return fd;
}

/* --- Orders --- */

static void log_lines(struct str text)
{
	while (text.n > 0) {
		struct log_event ev;
		log_begin(&ev, LOG_ERR, STR(""));
		log_note(&ev, str_take_line(&text));
		log_end(&ev);
	}
}

static bool order_reload(struct buf *faults)
{
	if (suite_is_stopping()) {
		buf_append_str(faults, STR("the suite is stopping\n"));
		return false;
	}
	notify_reloading();
	bool ok = suite_reload(faults);
	log_lines(buf_str(faults));
	if (ok)
		log_message(LOG_NOTICE, "took the configuration anew");
	else
		log_message(LOG_ERR, "the new configuration was not taken; the old one stays");
	notify_send("READY=1");
	return ok;
}

static void order_stop(void)
{
	notify_send("STOPPING=1");
	suite_stop(EX_OK);
}

static void on_stop_signal(evutil_socket_t number, short what, void *ctx)
{
	(void)number;
	(void)what;
	(void)ctx;
	order_stop();
}

static void on_reload_signal(evutil_socket_t number, short what, void *ctx)
{
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	(void)number;
	(void)what;
	(void)ctx;
	order_reload(&faults);
	buf_release(&faults);
}

static void on_log_signal(evutil_socket_t number, short what, void *ctx)
{
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	(void)number;
	(void)what;
	(void)ctx;
	suite_reopen_log(&faults);
	log_lines(buf_str(&faults));
	buf_release(&faults);
}

static void on_child_signal(evutil_socket_t number, short what, void *ctx)
{
	(void)number;
	(void)what;
	(void)ctx;
	suite_reap();
}

static void watch_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	loop_signal(SIGTERM, on_stop_signal, NULL);
	loop_signal(SIGINT, on_stop_signal, NULL);
	loop_signal(SIGHUP, on_reload_signal, NULL);
	loop_signal(SIGUSR1, on_log_signal, NULL);
	loop_signal(SIGCHLD, on_child_signal, NULL);
}

static void on_watchdog(void *ctx)
{
	(void)ctx;
	notify_send("WATCHDOG=1");
	loop_timer_start(control.watchdog, notify_watchdog_ms());
}

static void start_watchdog(void)
{
	if (notify_watchdog_ms() == 0)
		return;
	control.watchdog = loop_timer(on_watchdog, NULL);
	on_watchdog(NULL);
}

/* --- What the suite tells --- */

/* Where the log goes there, it has been said. */
static void say_in_foreground(struct str warnings)
{
	if (suite_conf()->log_sink != LOG_SINK_STDERR)
		(void)!write(STDERR_FILENO, warnings.p, warnings.n);
}

static void on_ready(void)
{
	struct buf word = BUF_INIT(START_WORD_MAX);
	notify_send("READY=1");
	buf_append_str(&word, STR("r"));
	certificates_report(&word, START_WORD_MAX);
	if (certificates_are_useless())
		log_message(LOG_ERR, "%s", CERTIFICATES_USELESS);
	if (control.ready_fd < 0) {
		say_in_foreground(str_skip(buf_str(&word), 1));
		buf_release(&word);
		return;
	}
	(void)!write(control.ready_fd, buf_data(&word), buf_len(&word));
	buf_release(&word);
	close(control.ready_fd);
	control.ready_fd = -1;
	/* Whoever started us may wait for the end of what we hold of his. */
	if (suite_conf()->log_sink != LOG_SINK_STDERR)
		dup2(STDOUT_FILENO, STDERR_FILENO);
}

static void on_stopped(int status)
{
	control.status = status;
	loop_exit();
}

static const struct operator_orders orders = {.reload = order_reload, .stop = order_stop};

static void start(const struct conf_file *file, struct listeners *inherited)
{
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	struct listeners listeners;
	const struct conf *conf = file->conf;
	int log = open_log(conf, &faults);
	if (!run_dir_claim(conf->run, &control.run, &faults))
		refuse(EX_UNAVAILABLE, &faults);
	if (!listen_open(conf, control.conf_path,
		control.run.crashed_before ? CRASH_PATIENCE_MS : 0, inherited, &listeners, &faults))
		refuse(EX_UNAVAILABLE, &faults);
	listen_close(inherited);
	privilege_reduce();
	watch_signals();
	if (operator_open(conf->run, &orders) < 0)
		log_fatal(EX_OSERR, "%s/control.sock cannot be made: %m", conf->run);
	start_watchdog();
	const struct suite_options options = {.conf_path = control.conf_path,
	    .libexec = control.libexec,
	    .on_ready = on_ready,
	    .on_stopped = on_stopped};
	suite_start(&options, file, &listeners, log);
	buf_release(&faults);
}

int main(int argc, char **argv)
{
	struct conf_file file;
	struct listeners inherited;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	open_standard_descriptors();
	listen_inherit(&inherited);
	parse_options(argc, argv);
	close_strays(&inherited);
	umask(022);
	notify_init();
	if (!conf_file_load(control.conf_path, &file, &faults) ||
	    !anchor_check_place(file.conf, control.conf_path, &faults))
		refuse(EX_CONFIG, &faults);
	start(&file, &inherited);
	loop_run();
	run_dir_leave(suite_conf()->run, &control.run);
	log_message(LOG_NOTICE, "stopped");
	log_flush();
	return control.status;
}
