/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "common/admission.h"
#include "common/jail.h"
#include "common/mem.h"
#include "tests/escape/stage-internal.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/edge-broken.h"
#include "tests/unit/scratch.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CONTROL_FD = 3,
	CONF_FD = 4,
	PATIENCE_MS = 20 * 1000,
};

bool stage_has(bool root, unsigned victim)
{
	enum { ONE, WORKERS, SYSTEM_USERS, PAM };
	static const int instances[VICTIMS] = {
#define PROGRAM(id, file, user, how) [PROGRAM_##id] = (how),
#define EDGE(id, client, server)
#include "common/wiring.def"
#undef PROGRAM
#undef EDGE
	    [STAGE_DELIVERY] = SYSTEM_USERS,
	    [STAGE_READER] = SYSTEM_USERS,
	    [STAGE_READER_SESSION] = SYSTEM_USERS,
	    [STAGE_LOGIN] = PAM,
	};
#ifndef HAVE_PAM
	if (instances[victim] == PAM)
		return false;
#endif
	return root || instances[victim] < SYSTEM_USERS;
}

const char *stage_victim_name(unsigned victim)
{
	static const char *const children[] = {"mailbox session", "a user's delivery",
	    "a user's process without a client", "a user's session", "a login of a user's"};
	return victim >= PROGRAM_COUNT ? children[victim - PROGRAM_COUNT]
				       : jail_name((enum program_id)victim);
}

/* ---- waiting ------------------------------------------------------------------ */

void stage_turn_until(const bool *done, const char *what)
{
	struct unit_patience patience;
	unit_patience_begin(&patience, PATIENCE_MS);
	while (!*done && !patience.over)
		unit_wait();
	unit_patience_end(&patience);
	ck_assert_msg(*done, "%s: not in time", what);
}

/* ---- control ------------------------------------------------------------------- */

static bool on_ready(void *ctx, const struct msg_ready *m, int *fds)
{
	struct stage_program *p = ctx;
	(void)m;
	(void)fds;
	p->ready = p->settled = true;
	return true;
}

static bool on_key_verdict(void *ctx, const struct msg_key_verdict *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct supervision_client_handlers control_handlers = {
    .ready = on_ready, .key_verdict = on_key_verdict, .edge_broken = edge_broken_ignore};

static void on_control_closed(void *ctx, struct channel *ch, const char *why)
{
	struct stage_program *p = ctx;
	(void)why;
	channel_free(ch);
	p->control = NULL;
	p->settled = true;
}

/* In the tree of the build a program lies in the folder of its name, or in one of a few others. */
static int open_program(const char *name)
{
	const char *folders[] = {name, "pop3d", "directory", "deliver-local"};
	char path[128];
	int fd = -1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && fd < 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
	return fd;
}

__attribute__((noreturn)) static void become_program(
    const struct stage *st, const char *name, int program, int control)
{
	static char path[] = "PATH=/usr/bin:/bin";
	char *argv[] = {(char *)(uintptr_t)name, (char *)(uintptr_t) "postern.conf", NULL};
	static char preload[64];
	char spoil[32], *env[] = {path, spoil, st->spoil == NULL ? NULL : preload, NULL};
	snprintf(spoil, sizeof(spoil), "SPOIL=%s", st->spoil == NULL ? "" : st->spoil);
	/* By a descriptor: who becomes an ordinary user may not find it by name. */
	int breaks = fcntl(open("tests/unit/broken.so", O_RDONLY | O_CLOEXEC), F_DUPFD, 20);
	snprintf(preload, sizeof(preload), "LD_PRELOAD=/proc/self/fd/%d", breaks);
	int conf = memfd_create("conf", 0);
	int log = open("/dev/null", O_WRONLY);
	if (getenv("ESCAPE_LOG") != NULL)
		log = open(getenv("ESCAPE_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0666);
	if (dprintf(conf, "%s", st->conf) < 0 || log < 0)
		_exit(120);
	control = fcntl(control, F_DUPFD, 10);
	conf = fcntl(conf, F_DUPFD, 10);
	if (dup2(log, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, STDERR_FILENO) < 0 || dup2(control, CONTROL_FD) < 0 ||
	    dup2(conf, CONF_FD) < 0)
		_exit(121);
	umask(077);
	if (!st->root && geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(STAGE_ORDINARY_USER) < 0 ||
		setuid(STAGE_ORDINARY_USER) < 0))
		_exit(122);
	close(control);
	close(conf);
	execveat(program, "", argv, env, AT_EMPTY_PATH);
	_exit(123);
}

static void send_counters(struct stage *st, struct stage_program *p)
{
	struct msg_admission_page m = {.worker = 0, .workers = 2};
	for (m.page = 0; m.page <= m.workers; m.page++) {
		int fd = admission_table_page(st->counters, m.page, m.worker);
		ck_assert(msg_admission_page_send(p->control, &m, &fd));
	}
}

static void start(struct stage *st, enum program_id id)
{
	struct stage_program *p = &st->programs[id];
	int pair[2], program = open_program(jail_name(id));
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	p->pid = fork();
	ck_assert_int_ge(p->pid, 0);
	if (p->pid == 0)
		become_program(st, jail_name(id), program, pair[1]);
	close(pair[1]);
	close(program);
	p->ready = p->settled = false;
	p->control =
	    channel_new(pair[0], &supervision_client, &control_handlers, p, on_control_closed);
	if (id == PROGRAM_smtpd || id == PROGRAM_pop3d)
		send_counters(st, p);
	msg_go_send(p->control, &(struct msg_go){}, NULL);
}

bool stage_starts(struct stage *st, enum program_id program)
{
	struct stage_program *p = &st->programs[program];
	start(st, program);
	stage_turn_until(&p->settled, jail_name(program));
	return p->ready;
}

pid_t stage_victim(struct stage *st, unsigned victim)
{
	if (victim >= PROGRAM_COUNT)
		return stage_child(st, victim);
	struct stage_program *p = &st->programs[victim];
	if (p->pid == 0)
		start(st, (enum program_id)victim);
	stage_turn_until(&p->settled, stage_victim_name(victim));
	ck_assert_msg(p->ready, "%s ended at its start: set ESCAPE_LOG", stage_victim_name(victim));
	return p->pid;
}

void stage_forget(struct stage *st, unsigned victim)
{
	stage_forget_child(st);
	if (victim >= PROGRAM_COUNT)
		return;
	struct stage_program *p = &st->programs[victim];
	channel_free(p->control);
	p->control = NULL;
	if (p->pid > 0 && waitpid(p->pid, NULL, WNOHANG) == 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	p->pid = 0;
	stage_forget_edges(st, (enum program_id)victim);
}

static void prepare(struct stage *st, bool root, const char *spoil)
{
	*st = (struct stage){.root = root, .spoil = spoil, .child = -1, .client = -1};
	st->counters = admission_table_new(2, 100);
	ck_assert_ptr_nonnull(st->counters);
	scratch_open();
	st->directory = xstrdup(scratch_path());
	ck_assert_int_eq(chmod(st->directory, 0755), 0); // NOLINT: nobody else is here
	stage_write_conf(st);
	stage_make_things(st);
}

void stage_open_broken(struct stage *st, bool root, const char *spoil)
{
	prepare(st, root, spoil);
}

void stage_open(struct stage *st, bool root)
{
	prepare(st, root, NULL);
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++)
		if (stage_has(root, id))
			start(st, id);
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++)
		if (stage_has(root, id))
			stage_victim(st, id);
}

void stage_close(struct stage *st)
{
	for (unsigned id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++)
		stage_forget(st, id);
	close(st->tcp);
	close(st->unix_stream);
	close(st->abstract);
	admission_table_free(st->counters);
	free(st->spool_file);
	free(st->ann);
	free(st->bob);
	free(st->table);
	free(st->control_socket);
	free(st->conf);
	free(st->directory);
	scratch_close();
}
