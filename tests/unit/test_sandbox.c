/* SPDX-License-Identifier: ISC
 *
 * The jail, tried from inside: each attempt runs in a child that has entered it,
 * and must end as its row says.
 */
#include "common/client-socket.h"
#include "common/sandbox.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum outcome {
	WORKS = 0,
	DENIED = 1,  /* the call fails */
	KILLED = 2,  /* the filter ends the program */
	BLOCKED = 3, /* one or the other: either mechanism may be first */
};

static char directory[] = "/tmp/postern-test-XXXXXX";
static int ready_socket = -1; /* open before the jail */

static bool opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool try_read_passwd(void)
{
	return opened(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static bool try_read_inside(void)
{
	return opened(open("file", O_RDONLY | O_CLOEXEC));
}

static bool try_create_inside(void)
{
	return opened(open("new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) && unlink("new") == 0;
}

static bool try_climb(void)
{
	return opened(open("../../../../etc/passwd", O_RDONLY | O_CLOEXEC));
}

static bool try_create_elsewhere(void)
{
	return opened(open("/tmp/postern-escape", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static bool try_symlink(void)
{
	return symlink("/etc/passwd", "link") == 0;
}

static bool try_chmod(void)
{
	return chmod("file", 0666) == 0;
}

static bool try_socket(void)
{
	return opened(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static bool try_unix_socket(void)
{
	return opened(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static bool try_multipath(void)
{
	return opened(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP));
}

static bool try_datagrams(void)
{
	return opened(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0));
}

static bool try_netlink(void)
{
	return opened(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

/* A signal by way of a descriptor. */
static bool try_own_descriptor(void)
{
	return fcntl(ready_socket, F_SETOWN, getppid()) == 0;
}

static bool try_namespace(void)
{
	long pid = syscall(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), 0L, 0L, 0L, 0L);
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool try_limits(pid_t pid)
{
	struct rlimit limit;
	return syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, &limit) == 0;
}

static bool try_own_limits(void)
{
	return try_limits(0);
}

static bool try_limits_of_others(void)
{
	return try_limits(getppid());
}

static bool try_dumps(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static bool try_connect_given_socket(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* Refused by the peer would mean that the jail let it out. */
	return connect(ready_socket, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == ECONNREFUSED;
}

static bool bind_to(uint16_t port)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(port)};
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0;
}

static bool try_source_address(void)
{
	return bind_to(0);
}

static bool try_own_port(void)
{
	return bind_to(9025);
}

static bool try_exec(void)
{
	char *argv[] = {(char *)(uintptr_t)"true", NULL};
	execv("/bin/true", argv);
	return false;
}

static bool try_fork(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static void *thread(void *arg)
{
	return arg;
}

static bool try_thread(void)
{
	pthread_t t;
	return pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool try_kill_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool try_executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	    MAP_FAILED;
}

static bool try_setuid(void)
{
	return setuid(0) == 0;
}

static bool try_memory_and_descriptors(void)
{
	void *p = malloc(1 << 20);
	bool ok = p != NULL && fcntl(ready_socket, F_GETFL) >= 0;
	free(p);
	return ok;
}

static bool try_client_options(void)
{
	return client_socket_prepare(ready_socket);
}

static bool try_socket_option(void)
{
	return setsockopt(ready_socket, IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int)) == 0;
}

static bool try_option_of_another_level(void)
{
	return setsockopt(ready_socket, SOL_SOCKET, TCP_USER_TIMEOUT, &(int){1}, sizeof(int)) == 0;
}

struct attempt {
	const char *what;
	unsigned calls;
	bool path; /* the directory is allowed */
	enum sandbox_access access;
	bool (*attempt)(void);
	enum outcome outcome;
};

#define EXPOSED SANDBOX_ACCEPT
#define READER  SANDBOX_FILES_READ
#define WRITER  (SANDBOX_FILES_READ | SANDBOX_FILES_WRITE)

static const struct attempt attempts[] = {
    {"an exposed program works", EXPOSED, false, 0, try_memory_and_descriptors, WORKS},
    {"an exposed program opens a file", EXPOSED, false, 0, try_read_passwd, KILLED},
    {"an exposed program makes a socket", EXPOSED, false, 0, try_socket, KILLED},
    {"an exposed program makes a Unix socket", EXPOSED, false, 0, try_unix_socket, KILLED},
    {"an exposed program connects", EXPOSED, false, 0, try_connect_given_socket, KILLED},
    {"an exposed program starts a program", EXPOSED, false, 0, try_exec, KILLED},
    {"an exposed program forks", EXPOSED, false, 0, try_fork, KILLED},
    {"an exposed program makes a thread", EXPOSED, false, 0, try_thread, BLOCKED},
    {"an exposed program signals", EXPOSED, false, 0, try_kill_parent, KILLED},
    {"an exposed program traces", EXPOSED, false, 0, try_ptrace, KILLED},
    {"an exposed program makes code", EXPOSED, false, 0, try_executable_memory, KILLED},
    {"an exposed program signals by a descriptor", EXPOSED, false, 0, try_own_descriptor, KILLED},
    {"an exposed program changes user", EXPOSED, false, 0, try_setuid, KILLED},
    {"an exposed program has clients watched", EXPOSED, false, 0, try_client_options, WORKS},
    {"an exposed program sets another option", EXPOSED, false, 0, try_socket_option, KILLED},
    {"an exposed program sets one of another level", EXPOSED, false, 0, try_option_of_another_level, KILLED},
    {"a reader reads its directory", READER, true, SANDBOX_READ, try_read_inside, WORKS},
    {"a reader reads elsewhere", READER, true, SANDBOX_READ, try_read_passwd, DENIED},
    {"a reader climbs", READER, true, SANDBOX_READ, try_climb, DENIED},
    {"a reader creates", READER, true, SANDBOX_READ, try_create_inside, KILLED},
    {"a reader makes a socket", READER, true, SANDBOX_READ, try_socket, KILLED},
    {"a writer creates in its directory", WRITER, true, SANDBOX_WRITE, try_create_inside, WORKS},
    {"a writer confined to reading creates", WRITER, true, SANDBOX_READ, try_create_inside, DENIED},
    {"a writer creates elsewhere", WRITER, true, SANDBOX_WRITE, try_create_elsewhere, DENIED},
    {"a writer makes a symbolic link", WRITER, true, SANDBOX_WRITE, try_symlink, KILLED},
    {"a writer changes modes by name", WRITER, true, SANDBOX_WRITE, try_chmod, KILLED},
    {"a writer starts a program", WRITER, true, SANDBOX_WRITE, try_exec, KILLED},
    {"a threaded program makes a thread", SANDBOX_THREADS, false, 0, try_thread, WORKS},
    {"a threaded program forks", SANDBOX_THREADS, false, 0, try_fork, KILLED},
    {"a forking program forks", SANDBOX_FORK, false, 0, try_fork, WORKS},
    {"a forking program starts a program", SANDBOX_FORK, false, 0, try_exec, KILLED},
    {"a forking program makes a namespace", SANDBOX_FORK, false, 0, try_namespace, KILLED},
    {"a restricting program asks for its limits", SANDBOX_RESTRICT, false, 0, try_own_limits, WORKS},
    {"a restricting program asks for others' limits", SANDBOX_RESTRICT, false, 0, try_limits_of_others, KILLED},
    {"a restricting program allows dumps", SANDBOX_RESTRICT, false, 0, try_dumps, KILLED},
    {"a connecting program makes a socket", SANDBOX_CONNECT, false, 0, try_socket, WORKS},
    {"a connecting program makes a Unix socket", SANDBOX_CONNECT, false, 0, try_unix_socket, KILLED},
    {"a connecting program makes a multipath socket", SANDBOX_CONNECT, false, 0, try_multipath, KILLED},
    {"a connecting program makes a netlink socket", SANDBOX_CONNECT, false, 0, try_netlink, KILLED},
    {"a connecting program sends datagrams", SANDBOX_CONNECT, false, 0, try_datagrams, KILLED},
    {"one that may sends datagrams", SANDBOX_CONNECT | SANDBOX_DATAGRAMS, false, 0, try_datagrams, WORKS},
    {"a connecting program connects", SANDBOX_CONNECT, false, 0, try_connect_given_socket, WORKS},
    {"a connecting program has a source", SANDBOX_CONNECT, false, 0, try_source_address, WORKS},
    {"a connecting program takes a port", SANDBOX_CONNECT, false, 0, try_own_port, DENIED},
};

/* Ends with WORKS or DENIED, or is killed. */
static void run(const struct attempt *a)
{
	struct sandbox s = {.calls = a->calls, .root = directory};
	if (a->path)
		sandbox_allow(&s, directory, a->access);
	ready_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sandbox_enter(&s, "nobody");
	_exit(a->attempt() ? WORKS : DENIED);
}

START_TEST(attempt)
{
	const struct attempt *a = &attempts[_i];
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run(a);
	int status;
	ck_assert_int_eq(pid, waitpid(pid, &status, 0));
	int got = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? KILLED
	    : WIFEXITED(status)					    ? WEXITSTATUS(status)
								    : -1;
	bool as_expected =
	    a->outcome == BLOCKED ? got == KILLED || got == DENIED : got == (int)a->outcome;
	ck_assert_msg(as_expected, "%s: expected %d, got status %x", a->what, a->outcome, status);
}
END_TEST

/* How it ends to connect to port 9 in a jail with that port only. */
static int connect_with_only(uint16_t port)
{
	int status;
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct sandbox s = {.calls = SANDBOX_CONNECT, .root = directory};
		sandbox_allow_port(&s, port);
		sandbox_allow_port(&s, port);
		ready_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sandbox_enter(&s, "nobody");
		_exit(try_connect_given_socket() ? WORKS : DENIED);
	}
	ck_assert_int_eq(pid, waitpid(pid, &status, 0));
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(ports)
{
	long level = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	ck_assert_int_eq(connect_with_only(9), WORKS);
	ck_assert_int_eq(connect_with_only(10), level >= 4 ? DENIED : WORKS);
}
END_TEST

START_TEST(narrowing_takes_rights_away)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct sandbox wide = {
		    .calls = WRITER | SANDBOX_FORK | SANDBOX_RESTRICT, .root = directory};
		struct sandbox narrow = {.calls = WRITER};
		sandbox_allow(&wide, directory, SANDBOX_WRITE);
		sandbox_allow(&narrow, "inner", SANDBOX_WRITE);
		sandbox_enter(&wide, "nobody");
		if (!try_create_inside() || !try_read_inside())
			_exit(10);
		sandbox_narrow(&narrow);
		if (try_create_inside() || try_read_inside())
			_exit(11);
		if (!opened(open("inner/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)))
			_exit(12);
		try_fork();
		_exit(13);
	}
	int status;
	ck_assert_int_eq(pid, waitpid(pid, &status, 0));
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %x", status);
}
END_TEST

static void setup(void)
{
	char *name = directory;
	ck_assert_ptr_nonnull(mkdtemp(name));
	int dir = open(directory, O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(0, fchmod(dir, 0777));
	ck_assert_int_eq(0, mkdirat(dir, "inner", 0777));
	ck_assert_int_eq(0, fchmodat(dir, "inner", 0777, 0));
	int fd = openat(dir, "file", O_WRONLY | O_CREAT, 0644);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(dir);
}

static void teardown(void)
{
	int dir = open(directory, O_RDONLY | O_DIRECTORY);
	unlinkat(dir, "inner/new", 0);
	unlinkat(dir, "inner", AT_REMOVEDIR);
	unlinkat(dir, "file", 0);
	unlinkat(dir, "new", 0);
	unlinkat(dir, "link", 0);
	close(dir);
	rmdir(directory);
}

int main(void)
{
#ifdef WITH_SANITIZERS
	return 77; /* automake's "skipped": there is no filter in such a build */
#endif
	TCase *tc = tcase_create("attempts");
	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, attempt, 0, (int)(sizeof(attempts) / sizeof(attempts[0])));
	tcase_add_test(tc, narrowing_takes_rights_away);
	tcase_add_test(tc, ports);
	return unit_run_case("sandbox", tc);
}
