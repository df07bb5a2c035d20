/* SPDX-License-Identifier: ISC
 *
 * Invariant: while the suite runs, every pair of the wiring whose ends both live has
 * a socket of its own; a program that starts gets fresh ones with all that
 * live, so each pair is made when the later of the two starts.
 */
#include "control/suite.h"
#include "control/certificates.h"
#include "control/counters.h"
#include "control/exit-status.h"
#include "control/lmtp.h"
#include "control/anchor-check.h"
#include "control/quarrel.h"
#include "control/reload.h"
#include "control/rewire.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-supervision.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	STOP_PATIENCE_MS = 8 * 1000,	  /* for one program */
	STOP_ALL_PATIENCE_MS = 18 * 1000, /* for all; `postern stop` waits 20 s */
};

static struct {
	struct suite_options options;
	struct conf_file file;
	struct listeners listeners;
	struct program_table programs;
	int null;
	int log;
	uint32_t generation;
	bool was_ready; /* all programs at once, at least once */
	bool stopping;
	int status;
	uint64_t stop_deadline;
	enum program_id stage; /* while stopping: these leave now */
	struct event *look;    /* at the files of certificates */
} suite;

const struct conf *suite_conf(void)
{
	return suite.file.conf;
}

bool suite_is_stopping(void)
{
	return suite.stopping;
}

void suite_each(void (*fn)(void *ctx, const struct program *p), void *ctx)
{
	for (size_t i = 0; i < suite.programs.count; i++)
		fn(ctx, &suite.programs.list[i]);
}

/* --- Giving a program what it needs --- */

static void send_end(struct program *to, enum edge_id edge, const struct program *other, int fd)
{
	const struct msg_peer m = {
	    .edge = (uint8_t)edge, .instance = (uint16_t)other->self.instance, .life = other->life};
	msg_peer_send(to->channel, &m, &fd);
}

/* Makes the pair's socket if both ends live. */
static void wire(void *ctx, const struct wiring_pair *pair)
{
	int fds[2];
	struct program *client = program_find(&suite.programs, pair->client);
	struct program *server = program_find(&suite.programs, pair->server);
	(void)ctx;
	if (!program_is_reachable(client) || !program_is_reachable(server))
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		log_message(
		    LOG_ERR, "no socket for the edge %s: %m", wiring_edge(pair->edge)->name);
		program_kill(client, "it could not be wired");
		return;
	}
	send_end(client, pair->edge, server, fds[0]);
	send_end(server, pair->edge, client, fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void send_listeners(struct program *p)
{
	for (size_t i = 0; i < suite.listeners.count; i++) {
		const struct listener *l = &suite.listeners.list[i];
		const struct msg_listener m = {.number = l->number, .kind = (uint8_t)l->kind};
		if (wiring_listens(l->kind) == p->self.program)
			msg_listener_send(p->channel, &m, &l->fd);
	}
}

static void send_certificates(struct program *p)
{
	if (p->self.program == PROGRAM_keys)
		certificates_send(suite.file.conf, p->channel);
}

/* A renewed certificate is found without an order to reload. */
static void on_look(void *ctx)
{
	struct program *p = program_find(&suite.programs, (struct wiring_end){PROGRAM_keys, 0});
	(void)ctx;
	if (program_is_reachable(p))
		certificates_look(suite.file.conf, p->channel);
	loop_timer_start(suite.look, CERTIFICATES_LOOK_MS);
}

/* Everything but its peers. */
static void equip(struct program *p)
{
	if (!program_is_reachable(p))
		return;
	send_listeners(p);
	counters_send(p, suite.file.conf);
	send_certificates(p);
	msg_go_send(p->channel, &(struct msg_go){}, NULL);
}

/* --- Starting --- */

static bool spawn(struct program *p)
{
	char *path = xasprintf("%s/%s", suite.options.libexec, p->wiring->file);
	struct child_plan plan = {.path = path,
	    .file = p->wiring->file,
	    .conf_path = suite.options.conf_path,
	    .null = suite.null,
	    .log = suite.log,
	    .conf = child_raise_fd(conf_file_reopen(&suite.file))};
	bool ok = plan.conf >= 0 && program_start(p, &plan);
	if (!ok)
		log_message(LOG_ERR, "program %s cannot be started: %m", p->wiring->file);
	if (plan.conf >= 0)
		close(plan.conf);
	free(path);
	return ok;
}

static void start_again(struct program *p)
{
	if (suite.stopping)
		return;
	p->restarts++;
	if (spawn(p)) {
		wiring_each_pair_of(p->self, wiring_size(suite.file.conf), wire, NULL);
		equip(p);
	} else {
		program_start_later(
		    p, backoff_next(&p->backoff, loop_now_ms(), 0, false) + BACKOFF_FIRST_MS);
	}
}

static void on_ready(struct program *p)
{
	log_debug("program %s[%d] is ready", p->wiring->file, (int)p->pid);
	for (size_t i = 0; i < suite.programs.count; i++)
		if (suite.programs.list[i].state != PROGRAM_READY)
			return;
	if (suite.was_ready || suite.stopping)
		return;
	suite.was_ready = true;
	log_message(LOG_NOTICE, "started: %zu programs are at work", suite.programs.count);
	suite.options.on_ready();
}

static bool on_connect_lmtp(struct program *p, uint32_t cookie, struct str name)
{
	return lmtp_connect(p->channel, suite.file.conf, cookie, name);
}

/* --- Stopping --- */

static uint64_t patience(void)
{
	uint64_t now = loop_now_ms();
	uint64_t left = suite.stop_deadline > now ? suite.stop_deadline - now : 0;
	return left < STOP_PATIENCE_MS ? left : STOP_PATIENCE_MS;
}

static bool stage_lives(void)
{
	for (size_t i = 0; i < suite.programs.count; i++)
		if (suite.programs.list[i].self.program == suite.stage &&
		    suite.programs.list[i].pid != 0)
			return true;
	return false;
}

static void stop_stage(void)
{
	for (size_t i = 0; i < suite.programs.count; i++)
		if (suite.programs.list[i].self.program == suite.stage)
			program_stop(&suite.programs.list[i], patience());
}

/* Goes to the stage in which somebody still lives. */
static void stop_on(void)
{
	while (!stage_lives()) {
		if (suite.stage == PROGRAM_NONE)
			return;
		suite.stage--;
		stop_stage();
		if (suite.stage == PROGRAM_NONE)
			suite.options.on_stopped(suite.status);
	}
}

void suite_stop(int status)
{
	if (suite.stopping) {
		for (size_t i = 0; i < suite.programs.count; i++)
			program_kill(&suite.programs.list[i], "a second order to stop");
		return;
	}
	suite.stopping = true;
	suite.status = status;
	suite.stop_deadline = loop_now_ms() + STOP_ALL_PATIENCE_MS;
	suite.stage = PROGRAM_COUNT;
	log_message(LOG_NOTICE, "stopping");
	stop_on();
}

/* --- When one ended --- */

static void on_ended(struct program *p, int status)
{
	int refusal = exit_status_refusal(status);
	counters_clear(p);
	if (p->self.program == PROGRAM_keys)
		certificates_forget();
	if (suite.stopping) {
		stop_on();
		return;
	}
	/* At the first start somebody is there to read why. */
	if (!suite.was_ready && !p->was_ready && refusal != 0) {
		log_message(LOG_ERR, "program %s cannot work as things are: nothing is started",
		    p->wiring->file);
		suite_stop(refusal);
		return;
	}
	uint64_t now = loop_now_ms();
	uint64_t delay = backoff_next(&p->backoff, now, now - p->started, p->was_ready);
	if (delay == 0) {
		start_again(p);
	} else {
		log_message(LOG_WARNING, "program %s is started again in %llu ms", p->wiring->file,
		    (unsigned long long)delay);
		program_start_later(p, delay);
	}
}

void suite_reap(void)
{
	program_reap(&suite.programs);
}

void suite_start(const struct suite_options *options, const struct conf_file *file,
    const struct listeners *listeners, int log)
{
	suite.options = *options;
	suite.file = *file;
	suite.listeners = *listeners;
	suite.log = log;
	suite.null = child_raise_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
	if (suite.null < 0)
		log_fatal(EX_OSERR, "/dev/null cannot be opened: %m");
	counters_make(file->conf);
	suite.programs.on_ready = on_ready;
	suite.programs.on_ended = on_ended;
	suite.programs.on_edge_broken = quarrel_settle;
	suite.programs.on_key_verdict = certificates_judge;
	suite.programs.on_connect_lmtp = on_connect_lmtp;
	suite.programs.on_start_time = start_again;
	rewire_setup(&suite.programs, wire);
	program_table_fill(&suite.programs, wiring_size(file->conf));
	for (size_t i = 0; i < suite.programs.count; i++)
		if (!spawn(&suite.programs.list[i]))
			program_start_later(&suite.programs.list[i], BACKOFF_FIRST_MS);
	wiring_each_pair(wiring_size(file->conf), wire, NULL);
	for (size_t i = 0; i < suite.programs.count; i++)
		equip(&suite.programs.list[i]);
	suite.look = loop_timer(on_look, NULL);
	loop_timer_start(suite.look, CERTIFICATES_LOOK_MS);
}

/* --- A new configuration, a new log --- */

static void take_conf(struct conf_file *fresh, struct listeners *listeners)
{
	conf_file_release(&suite.file);
	suite.file = *fresh;
	listen_close(&suite.listeners);
	suite.listeners = *listeners;
	suite.generation++;
	counters_allow(suite.file.conf);
	certificates_expect(suite.file.conf);
}

static void hand_out_conf(struct program *p)
{
	const struct msg_configuration m = {.generation = suite.generation};
	if (!program_is_reachable(p))
		return;
	int fd = conf_file_reopen(&suite.file);
	if (fd < 0) {
		program_kill(p, "the new configuration could not be handed out");
		return;
	}
	msg_configuration_send(p->channel, &m, &fd);
	close(fd);
	send_listeners(p);
	send_certificates(p);
}

static int open_log(const struct conf *conf, struct buf *faults)
{
	int fd = child_raise_fd(log_open(conf->log_sink, conf->log_path));
	if (fd < 0)
		buf_printf(faults,
		    "the log cannot be opened: %s: %s: it goes where it went before\n",
		    conf->log_sink == LOG_SINK_FILE ? conf->log_path : "/dev/log", strerror(errno));
	return fd;
}

static void log_to(const struct conf *conf, int fd)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own >= 0)
		log_set_fd(own);
	log_init("control", conf->hostname, conf->log_sink, conf->log_format, conf->log_verbose);
	close(suite.log);
	suite.log = fd;
	for (size_t i = 0; i < suite.programs.count; i++)
		if (program_is_reachable(&suite.programs.list[i]))
			msg_log_to_send(
			    suite.programs.list[i].channel, &(struct msg_log_to){}, &fd);
}

/* Its log, opened, and its listeners; -1 when it cannot come into force. */
static int prepare(const struct conf *fresh, struct listeners *listeners, struct buf *faults)
{
	const struct conf *old = suite.file.conf;
	const char *path = suite.options.conf_path;
	if (!reload_may_change(old, fresh, path, faults) ||
	    !reload_may_move_log(old, fresh, STDERR_FILENO, path, faults) ||
	    !anchor_check(fresh, path, faults))
		return -1;
	int log = open_log(fresh, faults);
	if (log >= 0 && !listen_open(fresh, path, 0, &suite.listeners, listeners, faults)) {
		close(log);
		return -1;
	}
	return log;
}

bool suite_reload(struct buf *faults)
{
	struct conf_file fresh;
	struct listeners listeners;
	if (!conf_file_load(suite.options.conf_path, &fresh, faults))
		return false;
	int log = prepare(fresh.conf, &listeners, faults);
	if (log < 0) {
		conf_file_release(&fresh);
		return false;
	}
	take_conf(&fresh, &listeners);
	for (size_t i = 0; i < suite.programs.count; i++)
		hand_out_conf(&suite.programs.list[i]);
	log_to(suite.file.conf, log);
	return true;
}

bool suite_reopen_log(struct buf *faults)
{
	int log = open_log(suite.file.conf, faults);
	if (log >= 0)
		log_to(suite.file.conf, log);
	return log >= 0;
}
