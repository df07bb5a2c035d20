/* SPDX-License-Identifier: ISC
 *
 * The configuration file: read, parsed, sealed; what a reload may change; and the
 * word to the service manager.
 */
#include "control/conf-file.h"
#include "control/notify.h"
#include "control/reload.h"
#include "config.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GOOD                                                                                       \
	"hostname = \"mx.example.test\"\nmailboxes = \"/tmp/mail/%d/%n\"\n"                        \
	"listen smtp { address = \"127.0.0.1:2525\" }\n"

static char dir[64], path[96];

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/postern-conf-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/postern.conf", dir);
}

static void remove_dir(void)
{
	remove(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_good_file_is_sealed)
{
	struct conf_file file;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	char text[sizeof(GOOD) + 1];
	write_file(GOOD);
	ck_assert(conf_file_load(path, &file, &faults));
	ck_assert_str_eq(file.conf->hostname, "mx.example.test");
	ck_assert_int_lt(write(file.fd, "x", 1), 0);
	ck_assert_int_lt(ftruncate(file.fd, 0), 0);
	/* two programs read it at once without moving each other's place */
	int one = conf_file_reopen(&file), two = conf_file_reopen(&file);
	ck_assert_int_eq(read(one, text, sizeof(text)), sizeof(GOOD) - 1);
	ck_assert_int_eq(read(two, text, sizeof(text)), sizeof(GOOD) - 1);
	ck_assert(memcmp(text, GOOD, sizeof(GOOD) - 1) == 0);
	ck_assert_int_lt(write(one, "x", 1), 0);
	close(one);
	close(two);
	conf_file_release(&file);
}
END_TEST

static const struct {
	const char *text, *fault; /* after "PATH" */
} bad[] = {
    {GOOD "workers = 0\n", ":4: "},
    {GOOD "hostnam = \"x\"\nworkers = 1000\n", ":4: "},
    {"", ": "},
};

START_TEST(faults_have_file_and_line)
{
	struct conf_file file;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	char want[128];
	write_file(bad[_i].text);
	ck_assert(!conf_file_load(path, &file, &faults));
	snprintf(want, sizeof(want), "%s%s", path, bad[_i].fault);
	ck_assert_msg(str_has_prefix(buf_str(&faults), str_from_cstr(want)), "%.*s",
	    STR_ARG(buf_str(&faults)));
	ck_assert_int_eq(buf_data(&faults)[buf_len(&faults) - 1], '\n');
	ck_assert_ptr_null(file.conf);
	ck_assert_int_lt(file.fd, 0);
	buf_release(&faults);
}
END_TEST

START_TEST(pam_is_taken_where_it_is_built)
{
	static const char none[] = GOOD "system-users { domains = b.example }\n";
	static const char pam[] =
	    GOOD "system-users { domains = b.example authentication = pam }\n";
	struct conf_file file;
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	write_file(none);
	ck_assert(conf_file_load(path, &file, &faults));
	conf_file_release(&file);
	write_file(pam);
#ifdef HAVE_PAM
	ck_assert(conf_file_load(path, &file, &faults));
	ck_assert(file.conf->system.pam);
#else
	ck_assert(!conf_file_load(path, &file, &faults));
	ck_assert_ptr_null(file.conf);
	ck_assert_ptr_nonnull(
	    memmem(buf_data(&faults), buf_len(&faults), "built without PAM", 17));
#endif
	conf_file_release(&file);
	buf_release(&faults);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	static const char *const paths[] = {"/nonexistent/postern.conf", "/tmp", "/dev/zero"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct conf_file file;
		struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
		ck_assert(!conf_file_load(paths[i], &file, &faults));
		ck_assert(str_has_prefix(buf_str(&faults), str_from_cstr(paths[i])));
		buf_release(&faults);
	}
}
END_TEST

START_TEST(paths_become_absolute)
{
	char here[4096];
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	char *a = conf_file_absolute("/x/y"), *b = conf_file_absolute("y");
	ck_assert_str_eq(a, "/x/y");
	ck_assert_int_eq(strncmp(b, here, strlen(here)), 0);
	ck_assert_str_eq(b + strlen(here), "/y");
	free(a);
	free(b);
}
END_TEST

static const struct {
	const char *line, *named; /* NULL: may change */
} changes[] = {
    {"", NULL},
    {"log-verbose = yes\n", NULL},
    {"listen pop3 { address = \"127.0.0.1:2110\" }\n", NULL},
    {"spool = \"/x\"\n", "spool"},
    {"run = \"/x\"\n", "run"},
    {"tables = \"/x\"\n", "tables"},
    {"workers = 64\n", "workers"},
};

static struct conf *parse_with(const char *line)
{
	struct conf_faults none = {0};
	char text[512];
	int n = snprintf(text, sizeof(text), "%s%s", GOOD, line);
	struct conf *conf = conf_parse("/c/postern.conf", text, (size_t)n, &none);
	ck_assert_ptr_nonnull(conf);
	return conf;
}

START_TEST(what_a_reload_may_change)
{
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	char text[64];
	struct conf *old = parse_with(""), *fresh = parse_with(changes[_i].line);
	bool may = reload_may_change(old, fresh, "FILE", &faults);
	ck_assert_int_eq(may, changes[_i].named == NULL);
	if (!may) {
		snprintf(text, sizeof(text), "FILE: %s ", changes[_i].named);
		ck_assert(str_has_prefix(buf_str(&faults), str_from_cstr(text)));
	}
	conf_free(old);
	conf_free(fresh);
	buf_release(&faults);
}
END_TEST

enum place { A_FILE, A_PIPE, NULL_DEVICE, A_PIPE_THAT_NOBODY_READS };

static const struct {
	const char *old, *fresh;
	enum place standard_error;
	bool may;
} moves[] = {
    {"log = \"/log\"\n", "log = stderr\n", A_FILE, true},
    {"log = \"/log\"\n", "log = stderr\n", A_PIPE, true},
    {"log = \"/log\"\n", "log = stderr\n", NULL_DEVICE, false},
    {"log = \"/log\"\n", "", NULL_DEVICE, false}, /* the default */
    {"log = syslog\n", "log = stderr\n", NULL_DEVICE, false},
    {"log = syslog\n", "log = stderr\n", A_PIPE_THAT_NOBODY_READS, false},
    {"log = \"/log\"\n", "log = syslog\n", NULL_DEVICE, true},
    {"log = syslog\n", "log = \"/log\"\n", NULL_DEVICE, true},
    {"log = stderr\n", "log = \"/log\"\n", NULL_DEVICE, true},
    {"log = stderr\n", "log = stderr\n", NULL_DEVICE, true}, /* whose start wanted it so */
};

/* `reader` is -1 but for the pipe that is read. */
static int open_place(enum place place, int *reader)
{
	int ends[2] = {-1, -1};
	*reader = -1;
	if (place == A_FILE)
		return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (place == NULL_DEVICE)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	if (place == A_PIPE)
		*reader = ends[0];
	else
		close(ends[0]);
	return ends[1];
}

START_TEST(where_a_reload_may_move_the_log)
{
	struct buf faults = BUF_INIT(FAULTS_TEXT_MAX);
	struct conf *old = parse_with(moves[_i].old), *fresh = parse_with(moves[_i].fresh);
	int reader, fd = open_place(moves[_i].standard_error, &reader);
	bool may = reload_may_move_log(old, fresh, fd, "FILE", &faults);
	ck_assert_int_eq(may, moves[_i].may);
	ck_assert_int_eq(may, buf_len(&faults) == 0);
	if (!may)
		ck_assert(str_has_prefix(buf_str(&faults), STR("FILE: log is stderr, but ")));
	close(fd);
	if (reader >= 0)
		close(reader);
	conf_free(old);
	conf_free(fresh);
	buf_release(&faults);
}
END_TEST

static void expect(int fd, const char *prefix)
{
	char got[128];
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_msg(strncmp(got, prefix, strlen(prefix)) == 0, "%s", got);
}

START_TEST(the_service_manager_is_told)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "@postern-notify-%d", (int)getpid());
	setenv("NOTIFY_SOCKET", to.sun_path, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
	    0);
	notify_send("READY=1"); /* before notify_init nothing is sent */
	notify_init();
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_uint_eq(notify_watchdog_ms(), 15000);
	notify_send("READY=1");
	expect(fd, "READY=1");
	notify_reloading();
	expect(fd, "RELOADING=1\nMONOTONIC_USEC=");
	close(fd);
	notify_send("STOPPING=1"); /* a manager that is gone is no fault */
}
END_TEST

START_TEST(without_a_service_manager_nothing_happens)
{
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "30000000", 1);
	notify_init();
	ck_assert_uint_eq(notify_watchdog_ms(), 0);
	notify_send("READY=1");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("conf-file");
	tcase_add_checked_fixture(tc, make_dir, remove_dir);
	tcase_add_test(tc, a_good_file_is_sealed);
	tcase_add_loop_test(tc, faults_have_file_and_line, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, pam_is_taken_where_it_is_built);
	tcase_add_test(tc, what_is_no_file_is_refused);
	tcase_add_test(tc, paths_become_absolute);
	tcase_add_loop_test(tc, what_a_reload_may_change, 0, sizeof(changes) / sizeof(changes[0]));
	tcase_add_loop_test(
	    tc, where_a_reload_may_move_the_log, 0, sizeof(moves) / sizeof(moves[0]));
	tcase_add_test(tc, the_service_manager_is_told);
	tcase_add_test(tc, without_a_service_manager_nothing_happens);
	return unit_run_case("conf-file", tc);
}
