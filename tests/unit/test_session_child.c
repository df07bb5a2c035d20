/* SPDX-License-Identifier: ISC
 *
 * The process of one session, forked and confined as in the real program, with this
 * test as client and as parent.
 */
#include "pop3d/session-child.h"
#include "common/log.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct client {
	int fd;
	int leash;
	pid_t pid;
};

static int root;

static void setup(void)
{
	root = scratch_open();
	scratch_mkdir("ann");
	scratch_mkdir("ann/new");
	scratch_mkdir("ann/cur");
	scratch_mkdir("bob");
	scratch_write("ann/new/1.a,S=2,W=3", STR("x\n"));
	scratch_write("ann/new/2.b", STR("yy\n"));
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(chdir(scratch_path()), 0);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
}

static void teardown(void)
{
	scratch_close();
}

static struct client open_session(const char *path, struct str pending)
{
	int sockets[2], leash[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	ck_assert_int_eq(pipe2(leash, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(sockets[1], F_SETFL, O_NONBLOCK), 0);
	pid_t pid = fork();
	if (pid == 0) {
		const struct session_start start = {.client = sockets[1],
		    .parent = leash[0],
		    .root = root,
		    .path = path,
		    .address = STR("ann@example.org"),
		    .peer = STR("[192.0.2.1]"),
		    .session = STR("test"),
		    .pending = pending,
		    .idle_ms = 60000};
		session_child(&start);
	}
	ck_assert_int_gt(pid, 0);
	close(sockets[1]);
	close(leash[0]);
	return (struct client){sockets[0], leash[1], pid};
}

/* The next line, without CRLF; "" at the end. */
static const char *line(const struct client *c)
{
	static char text[512];
	size_t n = 0;
	while (n < sizeof(text) - 1 && read(c->fd, text + n, 1) == 1 && text[n] != '\n')
		n++;
	text[n > 0 && text[n - 1] == '\r' ? n - 1 : n] = '\0';
	return text;
}

static void say(const struct client *c, const char *text)
{
	ck_assert_int_eq(write(c->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void ck_end(const struct client *c)
{
	int status;
	ck_assert_str_eq(line(c), "");
	ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	close(c->fd);
	close(c->leash);
}

START_TEST(whole_session)
{
	struct client c = open_session("ann", STR("STAT\r\nRE"));
	ck_assert_str_eq(line(&c), "+OK 2 messages");
	ck_assert_str_eq(line(&c), "+OK 2 7");
	say(&c, "TR 2\r\nDELE 1\r\n");
	ck_assert_str_eq(line(&c), "+OK 4 octets");
	ck_assert_str_eq(line(&c), "yy");
	ck_assert_str_eq(line(&c), ".");
	ck_assert_str_eq(line(&c), "+OK deleted at QUIT");
	ck_assert(scratch_exists("ann/new/1.a,S=2,W=3"));
	say(&c, "QUIT\r\n");
	ck_assert_str_eq(line(&c), "+OK bye");
	ck_end(&c);
	ck_assert(!scratch_exists("ann/new/1.a,S=2,W=3"));
	ck_assert(scratch_exists("ann/new/2.b"));
}
END_TEST

START_TEST(no_mailbox_yet)
{
	struct client c = open_session(_i == 0 ? "nobody/yet" : "bob", STR("STAT\r\nQUIT\r\n"));
	ck_assert_str_eq(line(&c), "+OK 0 messages");
	ck_assert_str_eq(line(&c), "+OK 0 0");
	ck_assert_str_eq(line(&c), "+OK bye");
	ck_end(&c);
}
END_TEST

/* There is one session at a time even before the first mail. */
START_TEST(in_use_before_any_mail)
{
	struct client first = open_session("example.org/new", STR(""));
	ck_assert_str_eq(line(&first), "+OK 0 messages");
	struct client second = open_session("example.org/new", STR(""));
	ck_assert_str_eq(line(&second), "-ERR [IN-USE] the mailbox is open in another session");
	ck_end(&second);
	say(&first, "QUIT\r\n");
	ck_assert_str_eq(line(&first), "+OK bye");
	ck_end(&first);
}
END_TEST

START_TEST(only_below_the_root)
{
	static const char *const paths[] = {"../x", "link", "link/new"};
	ck_assert_int_eq(symlinkat("ann", root, "link"), 0);
	struct client c = open_session(paths[_i], STR(""));
	ck_assert_str_eq(line(&c), "-ERR [SYS/TEMP] the mailbox cannot be opened");
	ck_end(&c);
}
END_TEST

START_TEST(in_use)
{
	struct client first = open_session("ann", STR(""));
	ck_assert_str_eq(line(&first), "+OK 2 messages");
	struct client second = open_session("ann", STR("STAT\r\n"));
	ck_assert_str_eq(line(&second), "-ERR [IN-USE] the mailbox is open in another session");
	ck_end(&second);
	say(&first, "QUIT\r\n");
	ck_assert_str_eq(line(&first), "+OK bye");
	/* The lock is free as soon as that was said, not when the process is gone. */
	int fd = openat(root, "ann", O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	ck_end(&first);
}
END_TEST

/* A session that is just ending is waited for. */
START_TEST(waits_for_the_lock)
{
	int fd = openat(root, "ann", O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	struct client c = open_session("ann", STR(""));
	usleep(100000);
	close(fd);
	ck_assert_str_eq(line(&c), "+OK 2 messages");
	say(&c, "QUIT\r\n");
	ck_assert_str_eq(line(&c), "+OK bye");
	ck_end(&c);
}
END_TEST

START_TEST(cut_without_quit)
{
	struct client c = open_session("ann", STR("DELE 1\r\nDELE 2\r\n"));
	ck_assert_str_eq(line(&c), "+OK 2 messages");
	ck_assert_str_eq(line(&c), "+OK deleted at QUIT");
	if (_i == 0)
		shutdown(c.fd, SHUT_WR); /* the client is gone */
	else
		close(c.leash); /* pop3d-session is gone */
	ck_assert_str_eq(line(&c), "+OK deleted at QUIT");
	ck_end(&c);
	ck_assert_uint_eq(scratch_count("ann/new", NULL), 2);
}
END_TEST

/* What is sent before the client closes its side is still done. */
START_TEST(quit_and_close)
{
	struct client c = open_session("ann", STR(""));
	say(&c, "DELE 1\r\nQUIT\r\n");
	shutdown(c.fd, SHUT_WR);
	ck_assert_str_eq(line(&c), "+OK 2 messages");
	ck_assert_str_eq(line(&c), "+OK deleted at QUIT");
	ck_assert_str_eq(line(&c), "+OK bye");
	ck_end(&c);
	ck_assert_uint_eq(scratch_count("ann/new", NULL), 1);
}
END_TEST

/* A message larger than what the socket and the session hold, to a client that reads late. */
START_TEST(back_pressure)
{
	enum { SIZE = 8 * 1024 * 1024 };
	char *text = malloc(SIZE);
	memset(text, 'x', SIZE);
	for (size_t i = 99; i < SIZE; i += 100)
		text[i] = '\n';
	scratch_write("ann/new/3.c", str_from(text, SIZE));
	free(text);
	struct client c = open_session("ann", STR("RETR 3\r\nNOOP\r\n"));
	usleep(200000);
	ck_assert_str_eq(line(&c), "+OK 3 messages");
	ck_assert(strncmp(line(&c), "+OK 8472", 8) == 0);
	size_t got = 0;
	char block[4096];
	while (got < SIZE + SIZE / 100) {
		size_t left = SIZE + SIZE / 100 + 2 - got;
		ssize_t n = read(c.fd, block, left < sizeof(block) ? left : sizeof(block));
		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
	while (strcmp(line(&c), ".") != 0)
		continue;
	ck_assert_str_eq(line(&c), "+OK still here");
	say(&c, "QUIT\r\n");
	ck_assert_str_eq(line(&c), "+OK bye");
	ck_end(&c);
}
END_TEST

/* Nothing of the parent's is open in the child: standard descriptors, client, leash, and the
 * mailbox with new and cur. */
START_TEST(descriptors)
{
	int stray = open("/dev/null", O_RDONLY);
	struct client c = open_session("ann", STR(""));
	ck_assert_str_eq(line(&c), "+OK 2 messages");
	char path[64];
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)c.pid);
	DIR *dir = opendir(path);
	if (dir != NULL) {
		while (readdir(dir) != NULL)
			n++;
		closedir(dir);
		/* Valgrind has some of its own. */
		if (getenv("POSTERN_VALGRIND") == NULL)
			ck_assert_uint_le(n, 2 + 3 + 5);
	}
	close(stray);
	say(&c, "QUIT\r\n");
	ck_assert_str_eq(line(&c), "+OK bye");
	ck_end(&c);
}
END_TEST

int main(void)
{
	log_init("test", "localhost", LOG_SINK_STDERR, LOG_FORMAT_LINE, false);
	TCase *t = tcase_create("session-child");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, whole_session);
	tcase_add_loop_test(t, no_mailbox_yet, 0, 2);
	tcase_add_test(t, in_use_before_any_mail);
	tcase_add_loop_test(t, only_below_the_root, 0, 3);
	tcase_add_test(t, in_use);
	tcase_add_test(t, waits_for_the_lock);
	tcase_add_loop_test(t, cut_without_quit, 0, 2);
	tcase_add_test(t, quit_and_close);
	tcase_add_test(t, back_pressure);
	tcase_add_test(t, descriptors);
	return unit_run_case("session-child", t);
}
