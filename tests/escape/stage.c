/* SPDX-License-Identifier: ISC */
#include "tests/escape/stage.h"
#include "common/jail.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-session.h"
#include "common/msg-supervision.h"
#include "tests/unit/scratch.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CONTROL_FD = 3,
	CONF_FD = 4,
	ORDINARY_USER = 65534,
	FIRST_USER = 64100,
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
	};
#ifndef HAVE_PAM
	if (instances[victim] == PAM)
		return false;
#endif
	return root || instances[victim] < SYSTEM_USERS;
}

/* ---- a world of its own ------------------------------------------------------- */

static bool append_file(int to, const char *path)
{
	char piece[4096];
	ssize_t n = -1;
	int from = open(path, O_RDONLY | O_CLOEXEC);
	while (from >= 0 && (n = read(from, piece, sizeof(piece))) > 0)
		if (write(to, piece, (size_t)n) != n)
			break;
	close(from);
	return n == 0;
}

/* The users first, so that ours are found before those that the machine may have. */
static bool mount_users(const char *over, bool groups)
{
	char path[] = "/tmp/postern-users-XXXXXX";
	int fd = mkstemp(path);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return false;
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		unsigned number = FIRST_USER + (unsigned)id;
		if (strcmp(jail_user(id), jail_user(PROGRAM_deliver_local)) == 0)
			number = FIRST_USER;
		if (strcmp(jail_user(id), "root") == 0)
			continue;
		if (groups)
			dprintf(fd, "%s:x:%u:\n", jail_user(id), number);
		else
			dprintf(fd, "%s:x:%u:%u::/nonexistent:/usr/sbin/nologin\n", jail_user(id),
			    number, number);
	}
	bool ok = append_file(fd, over);
	close(fd);
	ok = ok && mount(path, over, NULL, MS_BIND, NULL) == 0;
	unlink(path);
	return ok;
}

bool stage_isolate(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0 &&
	       mount_users("/etc/passwd", false) && mount_users("/etc/group", true);
}

/* ---- waiting ------------------------------------------------------------------ */

static void on_late(void *ctx)
{
	*(bool *)ctx = true;
}

static void turn_until(const bool *done, const char *what)
{
	bool late = false;
	struct event *patience = loop_timer(on_late, &late);
	loop_timer_start(patience, PATIENCE_MS);
	while (!*done && !late)
		event_base_loop(loop_base(), EVLOOP_ONCE);
	event_free(patience);
	ck_assert_msg(*done, "%s: not in time", what);
}

/* ---- control ------------------------------------------------------------------- */

static bool on_ready(void *ctx, const struct msg_ready *m, int *fds)
{
	struct stage_program *p = ctx;
	(void)m;
	(void)fds;
	p->ready = true;
	return true;
}

static bool on_edge_broken(void *ctx, const struct msg_edge_broken *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct supervision_client_handlers control_handlers = {
    .ready = on_ready, .edge_broken = on_edge_broken};

static void on_control_closed(void *ctx, struct channel *ch, const char *why)
{
	struct stage_program *p = ctx;
	(void)why;
	channel_free(ch);
	p->control = NULL;
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
	char *env[] = {path, NULL};
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
	    (setgroups(0, NULL) < 0 || setgid(ORDINARY_USER) < 0 || setuid(ORDINARY_USER) < 0))
		_exit(122);
	close(control);
	close(conf);
	execveat(program, "", argv, env, AT_EMPTY_PATH);
	_exit(123);
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
	p->ready = false;
	p->control =
	    channel_new(pair[0], &supervision_client, &control_handlers, p, on_control_closed);
	msg_go_send(p->control, &(struct msg_go){}, NULL);
}

static void on_edge_closed(void *ctx, struct channel *ch, const char *why)
{
	struct channel **place = ctx;
	(void)why;
	channel_free(ch);
	*place = NULL;
}

/* ---- a session ------------------------------------------------------------------ */

static bool on_ended(void *ctx, const struct msg_session_ended *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct directory_session_client_handlers grant_handlers = {};
static const struct pop3d_session_client_handlers session_handlers = {.session_ended = on_ended};

static struct channel *wire(struct stage *st, enum edge_id edge, const struct edge_side *side,
    const void *handlers, struct channel **place)
{
	int pair[2];
	const struct msg_peer m = {.edge = (uint8_t)edge};
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	msg_peer_send(st->programs[PROGRAM_pop3d_session].control, &m, &pair[1]);
	close(pair[1]);
	channel_free(*place);
	return *place = channel_new(pair[0], side, handlers, place, on_edge_closed);
}

/* A log-in by the way that directory and pop3d take. */
static void open_session(struct stage *st)
{
	static unsigned number;
	char ticket[TICKET_SIZE] = "";
	int pair[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	memcpy(ticket, &(unsigned){++number}, sizeof(number));
	const struct str name = str_from(ticket, sizeof(ticket));
	const struct msg_session_grant grant = {.ticket = name, .address = STR("ann@example.org")};
	const struct msg_session_open order = {
	    .cookie = number, .ticket = name, .client = STR("127.0.0.1"), .session = STR("escape")};
	ck_assert(msg_session_grant_send(st->grants, &grant, NULL));
	ck_assert(msg_session_open_send(st->sessions, &order, &pair[1]));
	close(pair[1]);
	st->client = pair[0];
}

static pid_t only_child(pid_t parent)
{
	char path[64];
	int child = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	if (fscanf(f, "%d", &child) != 1) // NOLINT: a number of the kernel's
		child = 0;
	fclose(f);
	return child;
}

/* It has greeted, so it is confined. */
static pid_t session_child(struct stage *st)
{
	char greeting[512];
	pid_t parent = stage_victim(st, PROGRAM_pop3d_session);
	if (st->grants == NULL || st->sessions == NULL) {
		wire(st, EDGE_directory_session, &directory_session_client, &grant_handlers,
		    &st->grants);
		wire(st, EDGE_pop3d_session, &pop3d_session_client, &session_handlers,
		    &st->sessions);
	}
	open_session(st);
	for (int i = 0; i < 50; i++)
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ssize_t n = read(st->client, greeting, sizeof(greeting));
	ck_assert_msg(
	    n > 3 && memcmp(greeting, "+OK", 3) == 0, "no session: %.*s", (int)n, greeting);
	pid_t child = only_child(parent);
	ck_assert_int_gt(child, 0);
	return child;
}

pid_t stage_victim(struct stage *st, unsigned victim)
{
	if (victim == SESSION_CHILD)
		return session_child(st);
	struct stage_program *p = &st->programs[victim];
	if (p->pid == 0)
		start(st, (enum program_id)victim);
	turn_until(&p->ready, jail_name((enum program_id)victim));
	return p->pid;
}

void stage_forget(struct stage *st, unsigned victim)
{
	if (victim == SESSION_CHILD) {
		close(st->client);
		return;
	}
	struct stage_program *p = &st->programs[victim];
	channel_free(p->control);
	p->control = NULL;
	if (p->pid > 0 && waitpid(p->pid, NULL, WNOHANG) == 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	p->pid = 0;
	if (victim == PROGRAM_pop3d_session) {
		channel_free(st->grants);
		channel_free(st->sessions);
		st->grants = st->sessions = NULL;
	}
}

/* ---- what is worth having ---------------------------------------------------------- */

static void give(const char *path, const struct stage *st, enum program_id owner)
{
	unsigned number = FIRST_USER + (unsigned)owner;
	if (owner == PROGRAM_deliver_local || owner == PROGRAM_pop3d_session)
		number = FIRST_USER;
	if (!st->root)
		number = ORDINARY_USER;
	if (owner == PROGRAM_NONE && st->root)
		number = 0;
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(path, number, number), 0); // NOLINT: nobody else is here
}

static char *make_directory(const struct stage *st, const char *name, enum program_id owner)
{
	char *path = xasprintf("%s/%s", st->directory, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	give(path, st, owner);
	return path;
}

static char *make_file(const struct stage *st, const char *name, enum program_id owner)
{
	char *path = xasprintf("%s/%s", st->directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, "bait\n", 5), 5);
	close(fd);
	give(path, st, owner);
	return path;
}

static void make_mailboxes(struct stage *st)
{
	static const char *const directories[] = {"mail", "mail/example.org",
	    "mail/example.org/ann", "mail/example.org/ann/new", "mail/example.org/ann/cur",
	    "mail/example.org/ann/tmp", "mail/example.org/bob", "mail/example.org/bob/new"};
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		free(make_directory(st, directories[i], PROGRAM_deliver_local));
	st->ann = make_file(st, "mail/example.org/ann/new/1.bait", PROGRAM_deliver_local);
	st->bob = make_file(st, "mail/example.org/bob/new/1.bait", PROGRAM_deliver_local);
}

static int listen_unix(const char *path, size_t n)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	memcpy(to.sun_path, path, n);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
	    0);
	ck_assert_int_eq(listen(fd, 100), 0);
	return fd;
}

static void listen_tcp(struct stage *st)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	socklen_t n = sizeof(to);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	st->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(st->tcp, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(listen(st->tcp, 100), 0);
	ck_assert_int_eq(getsockname(st->tcp, (struct sockaddr *)&to, &n), 0);
	st->port = ntohs(to.sin_port);
}

static void write_conf(struct stage *st)
{
	st->conf = xasprintf("hostname = \"mx.example.org\"\npostmaster = \"ann@example.org\"\n"
			     "mailboxes = \"%s/mail/%%d/%%n\"\nspool = \"%s/spool\"\n"
			     "tables = \"%s/tables\"\nrun = \"%s/run\"\nworkers = 1\n"
			     "queue { segment-size = \"1 MiB\" }\n"
			     "resolver { trust-anchor = \"%s/anchor/root.key\" }\n"
			     "remote { authorities = \"%s/authorities.pem\" }\n"
			     "listen smtp { address = \"127.0.0.1:2525\" }\n"
			     "listen pop3 { address = \"127.0.0.1:2110\" }\n",
	    st->directory, st->directory, st->directory, st->directory, st->directory,
	    st->directory);
	if (!st->root)
		return;
	char *with_users =
	    xasprintf("%ssystem-users { domains = \"host.example\" authentication = %s }\n",
		st->conf, stage_has(true, PROGRAM_pam_check) ? "pam" : "none");
	free(st->conf);
	st->conf = with_users;
}

static void make_things(struct stage *st)
{
	st->abstract_size = 1 + (size_t)snprintf(st->abstract_name + 1, sizeof(st->abstract_name) - 1,
				    "postern-escape-%d", (int)getpid());
	make_mailboxes(st);
	free(make_directory(st, "tables", PROGRAM_directory));
	free(make_directory(st, "spool", PROGRAM_queue));
	free(make_directory(st, "anchor", PROGRAM_resolver));
	free(make_file(st, "authorities.pem", PROGRAM_deliver_remote));
	st->table = make_file(st, "tables/secret", PROGRAM_directory);
	st->spool_file = xasprintf("%s/spool/identity", st->directory);
	free(make_directory(st, "run", PROGRAM_NONE));
	st->control_socket = xasprintf("%s/run/control.sock", st->directory);
	st->unix_stream = listen_unix(st->control_socket, strlen(st->control_socket));
	give(st->control_socket, st, PROGRAM_NONE);
	st->abstract = listen_unix(st->abstract_name, st->abstract_size);
	listen_tcp(st);
}

void stage_open(struct stage *st, bool root)
{
	*st = (struct stage){.root = root};
	scratch_open();
	st->directory = xstrdup(scratch_path());
	ck_assert_int_eq(chmod(st->directory, 0755), 0); // NOLINT: nobody else is here
	write_conf(st);
	make_things(st);
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
	free(st->spool_file);
	free(st->ann);
	free(st->bob);
	free(st->table);
	free(st->control_socket);
	free(st->conf);
	free(st->directory);
	scratch_close();
}
