/* SPDX-License-Identifier: ISC
 *
 * The real control with stand-ins for the programs (stand-in.c): started, wired,
 * killed, told anew, stopped. Run from the build directory.
 */
#include "control/control-client.h"

#include "common/loop.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 2, ROWS = 6 + 3 * WORKERS, PATIENCE_MS = 20 * 1000, TIMEOUT_S = 60 };
/* 10 edges with the workers at one end, 3 without; each pair is seen at both ends. */
enum { PAIRS = 10 * WORKERS + 3 };

static const char *const programs[] = {"keys", "directory", "resolver", "deliver-local", "deliver-remote",
    "queue", "pop3d-session", "pop3d", "smtpd"};

static char dir[64];
static unsigned smtp_port, pop3_port;
static pid_t control;
static int ready_fd;
static struct conf conf; /* only `run` is used */
static struct command_context ctx = {.conf = &conf};

struct row {
	char name[33];
	unsigned instance;
	pid_t pid;
	bool ready;
	unsigned restarts;
};
static struct row rows[ROWS + 1];
static size_t row_count;

/* --- The instance --- */

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, 128, "%s/%s", dir, name);
	return p;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static char *read_file(const char *name)
{
	size_t n = 0;
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(in_dir(name), "re");
	if (f != NULL) {
		n = fread(text, 1, (1 << 20) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static size_t count_in_log(const char *needle)
{
	char *log = read_file("log");
	size_t n = 0;
	for (const char *p = log; (p = strstr(p, needle)) != NULL; p += strlen(needle))
		n++;
	free(log);
	return n;
}

static unsigned free_port(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &n), 0);
	close(fd);
	return ntohs(to.sin_port);
}

static void write_conf(const char *hostname, const char *more)
{
	char text[1024];
	snprintf(text, sizeof(text),
	    "hostname = \"%s\"\n"
	    "listen smtp { address = \"127.0.0.1:%u\" }\n"
	    "listen pop3 { address = \"127.0.0.1:%u\" }\n"
	    "mailboxes = \"mail/%%d/%%n\"\nspool = \"spool\"\nrun = \"run\"\nlog = \"./log\"\n"
	    "workers = %d\n%s",
	    hostname, smtp_port, pop3_port, WORKERS, more);
	write_file("postern.conf", text);
}

static void link_program(const char *name)
{
	char here[3000], from[4096], to[256];
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	snprintf(from, sizeof(from), "%s/tests/unit/stand-in", here);
	snprintf(to, sizeof(to), "%s/libexec/%s", dir, name);
	ck_assert_int_eq(symlink(from, to), 0);
}

static void set_up(void)
{
	snprintf(dir, sizeof(dir), "/tmp/postern-control-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(mkdir(in_dir("libexec"), 0755), 0);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		link_program(programs[i]);
	smtp_port = free_port();
	pop3_port = free_port();
	conf.run = strdup(in_dir("run"));
	write_conf("one.example.test", "");
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	char name[512];
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (unlink(name) < 0)
			remove_tree(name); /* two levels deep */
	}
	if (d != NULL)
		closedir(d);
	rmdir(path);
}

static void launch(void)
{
	int ends[2];
	char number[16];
	ck_assert_int_eq(pipe(ends), 0);
	snprintf(number, sizeof(number), "%d", ends[1]);
	control = fork();
	ck_assert_int_ge(control, 0);
	if (control == 0) {
		close(ends[0]);
		execl("control/control", "control", "-c", in_dir("postern.conf"), "-l",
		    in_dir("libexec"), "-r", number, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	ready_fd = ends[0];
}

static void start(void)
{
	char word = 0;
	launch();
	struct pollfd p = {.fd = ready_fd, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
	ck_assert_int_eq(read(ready_fd, &word, 1), 1);
	ck_assert_int_eq(word, 'r');
}

/* The exit status of control. */
static int wait_for_end(void)
{
	int status;
	ck_assert_int_eq(waitpid(control, &status, 0), control);
	control = 0;
	close(ready_fd);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void stop(void)
{
	ck_assert_int_eq(kill(control, SIGTERM), 0);
	ck_assert_int_eq(wait_for_end(), 0);
}

static void tear_down(void)
{
	if (control != 0) {
		kill(control, SIGTERM);
		waitpid(control, NULL, 0);
	}
	remove_tree(dir);
}

static bool eventually(bool (*is_true)(void))
{
	const struct timespec pause = {.tv_nsec = 10 * 1000000L};
	uint64_t deadline = loop_now_ms() + PATIENCE_MS;
	while (!is_true()) {
		if (loop_now_ms() > deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* Until the log has `needle` n times; one time more is a fault. */
static void await_log(const char *needle, size_t n)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000000L};
	uint64_t deadline = loop_now_ms() + PATIENCE_MS;
	while (count_in_log(needle) < n && loop_now_ms() < deadline)
		nanosleep(&pause, NULL);
	ck_assert_msg(count_in_log(needle) == n, "\"%s\" %zu times, not %zu", needle,
	    count_in_log(needle), n);
}

/* --- What control says --- */

static void on_program(void *unused, const struct msg_program_status *m)
{
	(void)unused;
	ck_assert_uint_lt(row_count, sizeof(rows) / sizeof(rows[0]));
	struct row *row = &rows[row_count++];
	snprintf(row->name, sizeof(row->name), "%.*s", STR_ARG(m->name));
	row->instance = m->instance;
	row->pid = (pid_t)m->pid;
	row->ready = m->ready;
	row->restarts = m->restarts;
}

static bool ask_status(void)
{
	struct control_answer answer = {.on_program = on_program};
	row_count = 0;
	int status = control_ask(&ctx, CONTROL_STATUS, &answer);
	buf_release(&answer.text);
	return status == EX_OK && answer.outcome == CONTROL_DONE;
}

static bool all_ready(void)
{
	if (!ask_status() || row_count != ROWS)
		return false;
	for (size_t i = 0; i < row_count; i++)
		if (!rows[i].ready || rows[i].pid == 0)
			return false;
	return true;
}

/* In the last answer. */
static struct row find_row(const char *name, unsigned instance)
{
	for (size_t i = 0; i < row_count; i++)
		if (strcmp(rows[i].name, name) == 0 && rows[i].instance == instance)
			return rows[i];
	ck_abort_msg("no program %s %u", name, instance);
	return rows[0];
}

static struct row row_of(const char *name, unsigned instance)
{
	ck_assert(all_ready());
	return find_row(name, instance);
}

/* --- Tests --- */

START_TEST(everything_starts_and_is_wired)
{
	start();
	ck_assert(all_ready());
	await_log(": peer ", 2 * PAIRS);
	await_log(": listener 1 127.0.0.1", WORKERS);
	await_log(": listener 2 127.0.0.1", WORKERS);
	await_log(": listener 3 -", WORKERS);
	await_log(": listener 4 -", 1);
	await_log(": admission 0", 2);
	await_log(": admission 1", 2);
	stop();
	/* in reverse order, nothing left */
	char *log = read_file("log");
	const char *smtpd = strstr(log, "program smtpd["), *queue = strstr(log, "program queue["),
		   *directory = strstr(log, "program directory[");
	ck_assert(smtpd != NULL && queue != NULL && directory != NULL);
	ck_assert(smtpd < queue && queue < directory);
	free(log);
	ck_assert_int_lt(open(in_dir("run/control.sock"), O_PATH), 0);
	ck_assert_int_lt(open(in_dir("run/sendmail.sock"), O_PATH), 0);
}
END_TEST

static struct row before;

static bool is_another(void)
{
	return all_ready() && find_row(before.name, before.instance).pid != before.pid;
}

START_TEST(whatever_is_killed_comes_back_and_is_wired_again)
{
	static const size_t edges_of[] = {
	    3 * WORKERS, 3 * WORKERS + 2, WORKERS, 1, 4, 2 * WORKERS + 2, WORKERS + 1, 3, 3};
	start();
	size_t peers = 2 * PAIRS;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		before = row_of(programs[i], 0);
		ck_assert_int_eq(kill(before.pid, i % 2 ? SIGKILL : SIGABRT), 0);
		ck_assert_msg(eventually(is_another), "%s", programs[i]);
		ck_assert_uint_eq(row_of(programs[i], 0).restarts, 1);
		await_log(": peer ", peers += 2 * edges_of[i]);
	}
	ck_assert_uint_eq(count_in_log("ended: signal"), sizeof(programs) / sizeof(programs[0]));
	stop();
}
END_TEST

START_TEST(killed_again_and_again_it_comes_back_at_once)
{
	start();
	for (unsigned i = 0; i < 15; i++) {
		before = row_of("smtpd", 1);
		ck_assert_uint_eq(before.restarts, i);
		ck_assert_int_eq(kill(before.pid, SIGKILL), 0);
		ck_assert(eventually(is_another));
	}
	ck_assert_uint_eq(count_in_log("is started again in"), 0);
	stop();
}
END_TEST

static bool none_lives(void)
{
	for (size_t i = 0; i < row_count; i++)
		if (kill(rows[i].pid, 0) == 0)
			return false;
	return true;
}

START_TEST(without_control_all_leave_and_a_fresh_start_finds_its_place)
{
	start();
	ck_assert(all_ready());
	ck_assert_int_eq(kill(control, SIGKILL), 0);
	waitpid(control, NULL, 0);
	start(); /* at once: what is left of the first still has the ports */
	stop();
	ck_assert(eventually(none_lives));
}
END_TEST

START_TEST(a_second_start_is_refused)
{
	start();
	pid_t first = control;
	int first_fd = ready_fd;
	launch();
	ck_assert_int_eq(wait_for_end(), EX_UNAVAILABLE);
	control = first;
	ready_fd = first_fd;
	ck_assert(all_ready());
	stop();
}
END_TEST

static void reload_as(const char *hostname, const char *more)
{
	struct control_answer answer = {.outcome = CONTROL_REFUSED};
	write_conf(hostname, more);
	ck_assert_int_eq(control_ask(&ctx, CONTROL_RELOAD, &answer), EX_OK);
	ck_assert_msg(answer.outcome == CONTROL_DONE, "%.*s", STR_ARG(buf_str(&answer.text)));
	buf_release(&answer.text);
}

START_TEST(a_reload_reaches_every_program)
{
	start();
	unsigned old = pop3_port;
	pop3_port = free_port();
	before = row_of("smtpd", 0);
	reload_as("two.example.test", "");
	await_log(": reload: two.example.test", ROWS);
	await_log(": listener 2 127.0.0.1", 2 * WORKERS);
	ck_assert_int_eq(row_of("smtpd", 0).pid, before.pid);
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons((uint16_t)pop3_port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	close(fd);
	ck_assert_uint_ne(old, pop3_port);
	stop();
}
END_TEST

/* Nobody is ended, and they are wired again each time, later if it goes on. */
START_TEST(nonsense_of_the_stronger_costs_no_edge)
{
	start();
	await_log(": peer ", 2 * PAIRS);
	for (size_t times = 1; times <= 4; times++) {
		reload_as("nonsense.example.test", "");
		await_log(": reload: nonsense.example.test", times * ROWS);
		await_log("has closed its channel of smtpd_queue because of what queue",
		    times * WORKERS);
		await_log(": peer ", 2 * PAIRS + times * 2 * WORKERS);
	}
	static const char *const delays[] = {"one in 0 ms", "one in 100 ms", "one in 200 ms",
	    "one in 400 ms"};
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++)
		ck_assert_uint_eq(count_in_log(delays[i]), WORKERS);
	ck_assert(all_ready());
	for (size_t i = 0; i < row_count; i++)
		ck_assert_uint_eq(rows[i].restarts, 0);
	stop();
}
END_TEST

static int listen_at(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

/* deliver-remote gets what the configuration names, connected, and a reason for all else. */
START_TEST(lmtp_sockets_are_connected_to)
{
	char got[8] = "";
	int fd = listen_at(in_dir("lmtp"));
	start();
	reload_as("two.example.test", "lmtp dovecot { socket = lmtp }\nlmtp away { socket = nothing-here }\n"
		    "lmtp file { socket = postern.conf }\n");
	await_log(": lmtp 0: wrote 5", WORKERS);
	await_log(": lmtp 1 failed: No such file or directory", WORKERS);
	await_log(": lmtp 2 failed: Connection refused", WORKERS);
	await_log(": lmtp 99 failed: No such file or directory", WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		ck_assert_int_ge(client, 0);
		ck_assert_int_eq(read(client, got, sizeof(got) - 1), 5);
		ck_assert_str_eq(got, "hello");
		close(client);
	}
	close(fd);
	ck_assert(all_ready());
	stop();
}
END_TEST

static bool smtpd_was_killed(void)
{
	return all_ready() && find_row("smtpd", 0).restarts > 0 &&
	       find_row("smtpd", 1).restarts > 0;
}

/* Any other program that asks is taken for one that went wrong. */
START_TEST(nobody_else_may_ask_for_lmtp_sockets)
{
	int fd = listen_at(in_dir("lmtp"));
	start();
	reload_as("two.example.test", "lmtp smtpd { socket = lmtp }\n");
	await_log(": lmtp 0: wrote 5", WORKERS); /* deliver-remote's */
	ck_assert(eventually(smtpd_was_killed));
	ck_assert_uint_eq(count_in_log(": lmtp 0: wrote 5"), WORKERS);
	close(fd);
	stop();
}
END_TEST

START_TEST(a_bad_configuration_changes_nothing)
{
	struct control_answer answer = {.outcome = CONTROL_DONE};
	start();
	before = row_of("queue", 0);
	write_conf("two.example.test", "hostnam = \"x\"\n");
	ck_assert_int_eq(control_ask(&ctx, CONTROL_RELOAD, &answer), EX_OK);
	ck_assert(answer.outcome == CONTROL_REFUSED);
	ck_assert(buf_append_u8(&answer.text, 0));
	ck_assert_ptr_nonnull(strstr((const char *)buf_data(&answer.text), "postern.conf:9: "));
	buf_release(&answer.text);
	ck_assert_int_eq(row_of("queue", 0).pid, before.pid);
	ck_assert_uint_eq(count_in_log(": reload: "), 0);
	ck_assert_uint_ge(count_in_log("postern.conf:9: "), 1);
	stop();
}
END_TEST

START_TEST(the_log_is_opened_anew)
{
	start();
	ck_assert_int_eq(rename(in_dir("log"), in_dir("log.1")), 0);
	ck_assert_int_eq(kill(control, SIGUSR1), 0);
	/* An answer to a question comes after the signal was handled; what a program hears of a
	 * peer comes another way than the new log does, but the configuration comes after it. */
	before = row_of("queue", 0);
	reload_as("two.example.test", "");
	await_log(": reload: two.example.test", ROWS);
	ck_assert_int_eq(kill(before.pid, SIGKILL), 0);
	ck_assert(eventually(is_another));
	/* Both ends of each edge of queue, whether or not a peer saw the old one end first. */
	await_log(": peer ", 2 * (2 * WORKERS + 2));
	await_log("ended: signal", 1);
	stop();
}
END_TEST

static void replace_program(const char *name, const char *script)
{
	char path[64];
	snprintf(path, sizeof(path), "libexec/%s", name);
	ck_assert_int_eq(unlink(in_dir(path)), 0);
	if (script == NULL)
		return;
	write_file(path, script);
	ck_assert_int_eq(chmod(in_dir(path), 0755), 0);
}

START_TEST(a_program_that_refuses_stops_the_start)
{
	replace_program("queue", "#!/bin/sh\nexit 78\n");
	launch();
	ck_assert_int_eq(wait_for_end(), EX_CONFIG);
	ck_assert_uint_ge(count_in_log("exit 78 (bad configuration)"), 1);
}
END_TEST

START_TEST(a_missing_program_stops_the_start)
{
	replace_program("smtpd", NULL);
	launch();
	ck_assert_int_eq(wait_for_end(), EX_OSFILE);
	ck_assert_uint_ge(count_in_log("libexec/smtpd cannot be executed"), 1);
}
END_TEST

START_TEST(one_that_cannot_now_is_tried_again)
{
	replace_program("queue",
	    "#!/bin/sh\n"
	    "[ -e \"${1%/*}/tried\" ] && exec \"${0%/*}/deliver-local\" \"$@\"\n"
	    ": >\"${1%/*}/tried\"\nexit 75\n");
	start();
	stop();
	ck_assert_uint_eq(count_in_log("exit 75 (not now)"), 1);
}
END_TEST

static size_t entries(pid_t pid, const char *what, int *highest)
{
	char path[64];
	size_t n = 0;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		uint64_t fd;
		if (!str_parse_u64(str_from_cstr(e->d_name), INT32_MAX, &fd))
			continue;
		n++;
		if ((int)fd > *highest)
			*highest = (int)fd;
	}
	closedir(d);
	return n;
}

/* What a program sees when it starts: a script in its place writes it down. */
START_TEST(a_program_gets_five_descriptors_and_no_environment)
{
	setenv("SECRET", "x", 1);
	replace_program("directory", "#!/bin/sh\nenv >\"${1%/*}/environment\"\nls /proc/self/fd "
				     ">\"${1%/*}/descriptors\"\nexit 78\n");
	launch();
	ck_assert_int_eq(wait_for_end(), EX_CONFIG);
	char *env = read_file("environment"), *fds = read_file("descriptors");
	ck_assert_ptr_null(strstr(env, "SECRET"));
	ck_assert_ptr_null(strstr(env, "HOME="));
	ck_assert_ptr_nonnull(strstr(env, "LANG=C\n"));
	ck_assert_ptr_nonnull(strstr(env, "PATH=/"));
	ck_assert_msg(strncmp(fds, "0\n1\n2\n3\n4\n", 10) == 0, "%s", fds);
	for (char *p = fds + 10; *p != '\0'; p = strchr(p, '\n') + 1)
		ck_assert_int_le(strtol(p, NULL, 10), 11); /* the shell's and ls's own */
	free(env);
	free(fds);
}
END_TEST

static bool junk_is_dropped(void)
{
	return ask_status();
}

START_TEST(junk_costs_only_its_connection)
{
	start();
	int highest = 0;
	size_t open_before = entries(control, "fd", &highest);
	for (unsigned i = 0; i < 40; i++) {
		int fd = command_connect(&ctx, "control.sock");
		ck_assert_int_ge(fd, 0);
		char junk[200];
		memset(junk, (int)i, sizeof(junk));
		(void)!send(fd, junk, i * 5, MSG_NOSIGNAL);
		if (i % 2)
			(void)!send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
		close(fd);
	}
	ck_assert(eventually(junk_is_dropped));
	ck_assert(all_ready());
	ck_assert_uint_le(entries(control, "fd", &highest), open_before + 1);
	stop();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("control");
	tcase_set_timeout(tc, TIMEOUT_S);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, everything_starts_and_is_wired);
	tcase_add_test(tc, whatever_is_killed_comes_back_and_is_wired_again);
	tcase_add_test(tc, killed_again_and_again_it_comes_back_at_once);
	tcase_add_test(tc, without_control_all_leave_and_a_fresh_start_finds_its_place);
	tcase_add_test(tc, a_second_start_is_refused);
	tcase_add_test(tc, a_reload_reaches_every_program);
	tcase_add_test(tc, nonsense_of_the_stronger_costs_no_edge);
	tcase_add_test(tc, lmtp_sockets_are_connected_to);
	tcase_add_test(tc, nobody_else_may_ask_for_lmtp_sockets);
	tcase_add_test(tc, a_bad_configuration_changes_nothing);
	tcase_add_test(tc, the_log_is_opened_anew);
	tcase_add_test(tc, a_program_that_refuses_stops_the_start);
	tcase_add_test(tc, a_missing_program_stops_the_start);
	tcase_add_test(tc, one_that_cannot_now_is_tried_again);
	tcase_add_test(tc, a_program_gets_five_descriptors_and_no_environment);
	tcase_add_test(tc, junk_costs_only_its_connection);
	return unit_run_case("control", tc);
}
