/* SPDX-License-Identifier: ISC
 *
 * Listening sockets: opened, kept over a reload, taken over, refused in words.
 */
#include "control/listen.h"

#include "common/mem.h"
#include "control/port-owner.h"
#include "control/run-dir.h"
#include "control/unix-socket.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/postern-listen-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	static const char *const names[] = {"sendmail.sock", "queue.sock", "directory.sock",
	    "control.sock", "postern.pid", "empty"};
	char path[128];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

/* A configuration that listens for SMTP at these addresses, one line each, from line 3 on. */
static struct conf *conf_of(const char *listeners)
{
	char text[2048];
	struct conf_faults faults = {0};
	snprintf(text, sizeof(text),
	    "hostname = \"mx.example.test\"\nmailboxes = \"/tmp/%%%%d/%%%%n\"\n%srun = \"%s\"\n",
	    listeners, dir);
	for (char *p = text; (p = strstr(p, "%%")) != NULL; p++)
		memmove(p, p + 1, strlen(p));
	struct conf *conf = conf_parse("/x/postern.conf", text, strlen(text), &faults);
	ck_assert_msg(conf != NULL, "%u: %s", faults.count ? faults.list[0].line : 0,
	    faults.count ? faults.list[0].text : "");
	return conf;
}

static struct conf *conf_at(unsigned port)
{
	char line[128];
	snprintf(line, sizeof(line), "listen smtp { address = \"127.0.0.1:%u\" }\n", port);
	return conf_of(line);
}

/* A socket that listens somewhere on loopback. */
static int listen_anywhere(unsigned *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, n), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &n), 0);
	*port = ntohs(to.sin_port);
	return fd;
}

static unsigned free_port(void)
{
	unsigned port;
	close(listen_anywhere(&port));
	return port;
}

static const struct listener *find(const struct listeners *l, enum listener_kind kind)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->list[i].kind == kind)
			return &l->list[i];
	return NULL;
}

static bool is_listening(int fd)
{
	int value = 0;
	socklen_t n = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &n) == 0 && value == 1;
}

START_TEST(everything_is_opened)
{
	struct conf *conf = conf_at(free_port());
	struct listeners none = {NULL, 0}, l;
	struct buf faults = BUF_INIT(4096);
	ck_assert(listen_open(conf, "c", 0, &none, &l, &faults));
	ck_assert_uint_eq(buf_len(&faults), 0);
	ck_assert_uint_eq(l.count, 4);
	for (size_t i = 0; i < l.count; i++) {
		ck_assert(is_listening(l.list[i].fd));
		ck_assert_int_ne(fcntl(l.list[i].fd, F_GETFL) & O_NONBLOCK, 0);
		ck_assert_int_ne(fcntl(l.list[i].fd, F_GETFD) & FD_CLOEXEC, 0);
	}
	ck_assert_uint_eq(find(&l, LISTENER_SMTP)->number, 0);
	ck_assert_uint_eq(find(&l, LISTENER_QUEUE)->number, LISTENER_UNNUMBERED);
	int fd = unix_socket_connect(dir, "sendmail.sock", SOCK_STREAM);
	ck_assert_int_ge(fd, 0);
	close(fd);
	listen_close(&l);
	conf_free(conf);
}
END_TEST

START_TEST(sockets_stay_over_a_reload)
{
	unsigned port = free_port();
	struct conf *first = conf_at(port), *second = conf_at(port), *third = conf_at(free_port());
	struct listeners none = {NULL, 0}, a, b, c;
	struct buf faults = BUF_INIT(4096);
	ck_assert(listen_open(first, "c", 0, &none, &a, &faults));
	int smtp = find(&a, LISTENER_SMTP)->fd, queue = find(&a, LISTENER_QUEUE)->fd;
	ck_assert(listen_open(second, "c", 0, &a, &b, &faults));
	listen_close(&a);
	ck_assert_int_eq(find(&b, LISTENER_SMTP)->fd, smtp);
	ck_assert_int_eq(find(&b, LISTENER_QUEUE)->fd, queue);
	ck_assert(is_listening(smtp) && is_listening(queue));
	/* another port: the old one is closed with what is left of the old list */
	ck_assert(listen_open(third, "c", 0, &b, &c, &faults));
	ck_assert_int_ne(find(&c, LISTENER_SMTP)->fd, smtp);
	ck_assert_int_eq(find(&c, LISTENER_QUEUE)->fd, queue);
	listen_close(&b);
	ck_assert(!is_listening(smtp));
	listen_close(&c);
	conf_free(first);
	conf_free(second);
	conf_free(third);
}
END_TEST

static int bind_beside(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
	bool ok = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0;
	int error = ok ? 0 : errno;
	close(fd);
	return error;
}

START_TEST(one_address_may_become_all_and_back)
{
	unsigned port = free_port();
	char one[64], all[64];
	snprintf(one, sizeof(one), "listen smtp { address = \"127.0.0.1:%u\" }\n", port);
	snprintf(all, sizeof(all), "listen smtp { address = \"0.0.0.0:%u\" }\n", port);
	const char *const steps[] = {one, all, one};
	struct listeners had = {NULL, 0}, has;
	struct buf faults = BUF_INIT(4096);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct conf *conf = conf_of(steps[i]);
		ck_assert(listen_open(conf, "c", 0, &had, &has, &faults));
		ck_assert(is_listening(find(&has, LISTENER_SMTP)->fd));
		ck_assert_int_eq(bind_beside(port), EADDRINUSE);
		listen_close(&had);
		ck_assert(is_listening(find(&has, LISTENER_SMTP)->fd));
		ck_assert_int_eq(bind_beside(port), EADDRINUSE);
		had = has;
		conf_free(conf);
	}
	listen_close(&had);
	buf_release(&faults);
}
END_TEST

START_TEST(a_taken_port_is_said_and_changes_nothing)
{
	unsigned taken, port = free_port();
	char lines[256], want[64];
	int holder = listen_anywhere(&taken);
	struct conf *good = conf_at(port);
	snprintf(lines, sizeof(lines),
	    "listen smtp { address = \"127.0.0.1:%u\" }\nlisten pop3 { address = \"127.0.0.1:%u\" "
	    "}\n",
	    port, taken);
	struct conf *bad = conf_of(lines);
	struct listeners none = {NULL, 0}, a, b;
	struct buf faults = BUF_INIT(4096);
	ck_assert(listen_open(good, "c", 0, &none, &a, &faults));
	ck_assert(!listen_open(bad, "FILE", 0, &a, &b, &faults));
	ck_assert(buf_append_u8(&faults, 0));
	const char *text = (const char *)buf_data(&faults);
	snprintf(want, sizeof(want), "FILE:4: listen pop3, 127.0.0.1:%u: ", taken);
	ck_assert_msg(strncmp(text, want, strlen(want)) == 0, "%s", text);
	snprintf(want, sizeof(want), "(process %d)", (int)getpid());
	ck_assert_msg(strstr(text, want) != NULL, "%s", text);
	ck_assert_uint_eq(b.count, 0);
	for (size_t i = 0; i < a.count; i++)
		ck_assert(is_listening(a.list[i].fd));
	listen_close(&a);
	close(holder);
	conf_free(good);
	conf_free(bad);
	buf_release(&faults);
}
END_TEST

START_TEST(a_foreign_address_is_said)
{
	struct conf *conf = conf_of("listen smtp { address = \"192.0.2.1:2525\" }\n");
	struct listeners none = {NULL, 0}, l;
	struct buf faults = BUF_INIT(4096);
	ck_assert(!listen_open(conf, "FILE", 0, &none, &l, &faults));
	ck_assert(buf_append_u8(&faults, 0));
	ck_assert(strstr((const char *)buf_data(&faults), "FILE:3: ") != NULL);
	ck_assert(strstr((const char *)buf_data(&faults), "no such address") != NULL);
	conf_free(conf);
	buf_release(&faults);
}
END_TEST

/* The place of the service manager's sockets is 3 and on, where the test framework may have its
 * own: nothing is asserted until that is back. */
static void pass_socket(int fd, struct listeners *inherited)
{
	char number[16];
	int saved = fcntl(3, F_DUPFD_CLOEXEC, 10);
	dup2(fd, 3);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDS", "1", 1);
	listen_inherit(inherited);
	if (saved >= 0) {
		dup2(saved, 3);
		close(saved);
	}
}

START_TEST(passed_sockets_are_taken)
{
	unsigned port;
	int fd = listen_anywhere(&port);
	struct conf *conf = conf_at(port);
	struct listeners inherited, l;
	struct buf faults = BUF_INIT(4096);
	pass_socket(fd, &inherited);
	close(fd);
	ck_assert_uint_eq(inherited.count, 1);
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	int passed = inherited.list[0].fd;
	ck_assert(listen_open(conf, "c", 0, &inherited, &l, &faults));
	ck_assert_int_eq(find(&l, LISTENER_SMTP)->fd, passed);
	listen_close(&inherited);
	ck_assert(is_listening(passed));
	listen_close(&l);
	conf_free(conf);
}
END_TEST

START_TEST(sockets_for_another_process_are_not_taken)
{
	struct listeners inherited;
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	listen_inherit(&inherited);
	ck_assert_uint_eq(inherited.count, 0);
}
END_TEST

START_TEST(unix_sockets_have_their_mode_from_the_start)
{
	struct stat st;
	char path[128];
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	mode_t mask = umask(077);
	int fd = unix_socket_listen(dir, "control.sock", SOCK_SEQPACKET, 0600);
	ck_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	close(fd);
	/* what a crash left is replaced */
	fd = unix_socket_listen(dir, "control.sock", SOCK_SEQPACKET, 0666);
	ck_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0666);
	ck_assert_int_eq(umask(mask), 077);
	close(fd);
	ck_assert_int_lt(unix_socket_connect(dir, "control.sock", SOCK_SEQPACKET), 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

START_TEST(one_suite_at_a_time_has_the_directory)
{
	struct run_dir first, second;
	struct buf faults = BUF_INIT(4096);
	char want[64];
	ck_assert(run_dir_claim(dir, &first, &faults));
	ck_assert(!first.crashed_before);
	ck_assert_int_eq(run_dir_owner(dir), getpid());
	ck_assert(!run_dir_claim(dir, &second, &faults));
	ck_assert(buf_append_u8(&faults, 0));
	snprintf(want, sizeof(want), "already, as process %d\n", (int)getpid());
	ck_assert(strstr((const char *)buf_data(&faults), want) != NULL);
	close(first.lock); /* as a crash does */
	ck_assert_int_eq(run_dir_owner(dir), 0);
	ck_assert(run_dir_claim(dir, &second, &faults));
	ck_assert(second.crashed_before);
	run_dir_leave(dir, &second);
	ck_assert_int_eq(run_dir_owner(dir), 0);
	ck_assert(run_dir_claim(dir, &second, &faults));
	ck_assert(!second.crashed_before);
	run_dir_leave(dir, &second);
	buf_release(&faults);
}
END_TEST

START_TEST(a_directory_that_anybody_writes_to_is_refused)
{
	struct run_dir r;
	struct buf faults = BUF_INIT(4096);
	ck_assert_int_eq(chmod(dir, 0777), 0);
	ck_assert(!run_dir_claim(dir, &r, &faults));
	ck_assert_int_eq(chmod(dir, 0700), 0);
	ck_assert(buf_append_u8(&faults, 0));
	ck_assert(strstr((const char *)buf_data(&faults), "chmod o-w") != NULL);
	buf_release(&faults);
}
END_TEST

static const struct {
	const char *line;
	bool found;
} proc_lines[] = {
    {"   0: 0100007F:09DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 "
     "4711 1 0000000000000000 100 0 0 10 0",
	true},
    {"   0: 0100007F:09DD 0100007F:1234 01 00000000:00000000 00:00000000 00000000   105        0 "
     "4711 1",
	false},
    {"   0: 0100007F:09DE 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 "
     "4711 1",
	false},
    {"  10: 00000000000000000000000001000000:09DD 00000000000000000000000000000000:0000 0A "
     "00000000:00000000 00:00000000 00000000   105        0 4711 1 0000000000000000 100 0 0 10 0",
	true},
    {"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid", false},
    {"", false},
    {":", false},
};

START_TEST(lines_of_proc_net_tcp)
{
	uint64_t inode = 0, uid = 0;
	bool found =
	    port_owner_parse_line(str_from_cstr(proc_lines[_i].line), 0x09dd, &inode, &uid);
	ck_assert_int_eq(found, proc_lines[_i].found);
	if (found) {
		ck_assert_uint_eq(inode, 4711);
		ck_assert_uint_eq(uid, 105);
	}
}
END_TEST

/* The inode is the last field that is looked at; without its end it may be another one. */
START_TEST(lines_of_proc_net_tcp_cut_short)
{
	struct str line = str_from_cstr(proc_lines[_i].line);
	for (size_t n = 0; n < line.n; n++) {
		uint64_t inode = 0, uid = 0;
		char *cut = xmalloc(n + 1); /* ends where the line does */
		memcpy(cut + 1, line.p, n);
		if (port_owner_parse_line(str_from(cut + 1, n), 0x09dd, &inode, &uid))
			ck_assert(proc_lines[_i].found && uid == 105);
		free(cut);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("listen");
	tcase_add_checked_fixture(tc, make_dir, remove_dir);
	tcase_add_loop_test(
	    tc, lines_of_proc_net_tcp_cut_short, 0, sizeof(proc_lines) / sizeof(proc_lines[0]));
	tcase_add_test(tc, everything_is_opened);
	tcase_add_test(tc, sockets_stay_over_a_reload);
	tcase_add_test(tc, one_address_may_become_all_and_back);
	tcase_add_test(tc, a_taken_port_is_said_and_changes_nothing);
	tcase_add_test(tc, a_foreign_address_is_said);
	tcase_add_test(tc, passed_sockets_are_taken);
	tcase_add_test(tc, sockets_for_another_process_are_not_taken);
	tcase_add_test(tc, unix_sockets_have_their_mode_from_the_start);
	tcase_add_test(tc, one_suite_at_a_time_has_the_directory);
	tcase_add_test(tc, a_directory_that_anybody_writes_to_is_refused);
	tcase_add_loop_test(
	    tc, lines_of_proc_net_tcp, 0, sizeof(proc_lines) / sizeof(proc_lines[0]));
	return unit_run_case("listen", tc);
}
