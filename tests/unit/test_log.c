/* SPDX-License-Identifier: ISC */
#include "common/header.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/sandbox-internal.h"
#include "common/utf8.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static char got[1 << 20];

/* What was written to fd since the last time, NUL-terminated. */
static const char *written(int fd)
{
	ssize_t n = read(fd, got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = '\0';
	return got;
}

/* A pipe whose writing end is the log's; returns the reading end. */
static int log_to_pipe(enum log_sink sink, enum log_format format)
{
	int ends[2];
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 0);
	setenv("TZ", "UTC0", 1);
	log_init("smtpd", "mx.example.org", sink, format, false);
	log_set_fd(ends[1]);
	return ends[0];
}

/* After "postern/smtpd[PID]: ", without the newline. */
static const char *body(const char *line)
{
	char head[64];
	char *at = strstr(line, "postern/smtpd[");
	snprintf(head, sizeof(head), "postern/smtpd[%d]: ", (int)getpid());
	ck_assert_ptr_nonnull(at);
	ck_assert_msg(strncmp(at, head, strlen(head)) == 0, "%s", line);
	at += strlen(head);
	char *end = strchr(at, '\n');
	ck_assert_ptr_nonnull(end);
	ck_assert_uint_eq(strlen(end), 1);
	*end = '\0';
	return at;
}

static void put_event(int level, struct str value)
{
	struct log_event ev;
	log_begin(&ev, level, STR("4KYPsr"));
	log_address(&ev, "from", value);
	log_u64(&ev, "size", INT64_MAX);
	log_ms(&ev, "delay", 1250);
	log_str(&ev, "relay", STR("local"));
	log_note(&ev, STR("queue active"));
	log_end(&ev);
}

/* As tools know it, with a value behind. */
static void put_known(const char *client)
{
	struct log_event ev;
	char text[100];
	snprintf(text, sizeof(text), "connect from %s", client);
	log_begin(&ev, LOG_INFO, STR(""));
	log_note(&ev, str_from_cstr(text));
	log_str(&ev, "session", STR("1a2b"));
	log_end(&ev);
}

START_TEST(a_line_is_what_log_tools_parse)
{
	int fd = log_to_pipe(LOG_SINK_STDERR, LOG_FORMAT_LINE);
	put_event(LOG_INFO, STR("a@example.org"));
	ck_assert_str_eq(body(written(fd)),
	    "4KYPsr: from=<a@example.org>, size=9223372036854775807, delay=1.25, relay=local "
	    "(queue active)");
	put_known("unknown[192.0.2.1]");
	ck_assert_str_eq(body(written(fd)), "connect from unknown[192.0.2.1] session=1a2b");
	log_message(LOG_WARNING, "the disk of %s is %d%% full", "us", 99);
	ck_assert_str_eq(body(written(fd)), "warning: the disk of us is 99% full");
	log_message(LOG_ERR, "x");
	ck_assert_str_eq(body(written(fd)), "error: x");
	log_debug("not verbose");
	put_event(LOG_DEBUG, STR(""));
	ck_assert_str_eq(written(fd), "");
	log_init("smtpd", "mx.example.org", LOG_SINK_STDERR, LOG_FORMAT_LINE, true);
	log_debug("verbose %d", 1);
	ck_assert_str_eq(body(written(fd)), "verbose 1");
}
END_TEST

START_TEST(a_file_has_date_and_host_in_front)
{
	int fd = log_to_pipe(LOG_SINK_FILE, LOG_FORMAT_LINE);
	log_message(LOG_INFO, "x");
	const char *line = written(fd);
	static const char shape[] = "Aaa d0 00:00:00 mx.example.org postern/smtpd[";
	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		char c = line[i];
		bool ok = c == shape[i];
		if (i < 15 && shape[i] == 'A')
			ok = c >= 'A' && c <= 'Z';
		else if (i < 15 && shape[i] == 'a')
			ok = c >= 'a' && c <= 'z';
		else if (i < 15 && shape[i] == 'd')
			ok = c == ' ' || ascii_is_digit(c);
		else if (i < 15 && shape[i] == '0')
			ok = ascii_is_digit(c);
		ck_assert_msg(ok, "octet %zu of %s", i, line);
	}
	ck_assert_str_eq(body(line), "x");
}
END_TEST

static const struct {
	uint64_t ms;
	const char *text;
} delays[] = {{0, "0"}, {4, "0"}, {5, "0.01"}, {94, "0.09"}, {100, "0.1"}, {995, "1"}, {1000, "1"},
    {1050, "1.05"}, {300000, "300"}, {UINT64_MAX, "18446744073709551.62"}};

START_TEST(delays_are_seconds)
{
	int fd = log_to_pipe(LOG_SINK_STDERR, LOG_FORMAT_LINE);
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		struct log_event ev;
		log_begin(&ev, LOG_INFO, STR(""));
		log_ms(&ev, "delay", delays[i].ms);
		log_end(&ev);
		const char *text = body(written(fd));
		ck_assert_str_eq(text + strlen("delay="), delays[i].text);
	}
}
END_TEST

static const struct {
	struct str value;
	const char *line;
	struct str json; /* the value, decoded */
} values[] = {
    {STR("a\r\nNov 23 fake"), "a\\x0d\\x0aNov 23 fake", STR("a\\x0d\\x0aNov 23 fake")},
    {STR("a\0b"), "a\\x00b", STR("a\\x00b")},
    {STR("\x1b[31m"), "\\x1b[31m", STR("\\x1b[31m")},
    {STR("\x7f"), "\\x7f", STR("\\x7f")},
    {STR("\xc3\xa9\xf0\x9f\x98\x80"), "\xc3\xa9\xf0\x9f\x98\x80", STR("\xc3\xa9\xf0\x9f\x98\x80")},
    {STR("\xff\xc3"), "\\xff\\xc3", STR("\\xff\\xc3")},
    {STR("\xc2\x9b"), "\\xc2\\x9b", STR("\\xc2\\x9b")},
    {STR("\xe2\x80\xae"), "\\xe2\\x80\\xae", STR("\\xe2\\x80\\xae")},
    {STR("a\\b"), "a\\b", STR("a\\b")},
    {STR("a\\x0a"), "a\\x5cx0a", STR("a\\x5cx0a")},
    {STR("say \"hi\""), "say \"hi\"", STR("say \"hi\"")},
    {STR("x, status=sent (ok)"), "x,\\x20status=sent\\x20(ok)", STR("x, status=sent (ok)")},
    {STR(" "), " ", STR(" ")},
    {STR(""), "", STR("")},
};

START_TEST(values_are_escaped_and_stay_apart)
{
	int fd = log_to_pipe(LOG_SINK_STDERR, LOG_FORMAT_LINE);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct log_event ev;
		char expected[200];
		struct str in = unit_copy(values[i].value);
		log_begin(&ev, LOG_INFO, STR(""));
		log_str(&ev, "helo", in);
		log_end(&ev);
		unit_free(in);
		snprintf(expected, sizeof(expected), "helo=%s", values[i].line);
		ck_assert_str_eq(body(written(fd)), expected);
	}
}
END_TEST

static json_t *parse_line(const char *line)
{
	json_error_t error;
	json_t *json = json_loads(line, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(json != NULL, "%s: %s", error.text, line);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	return json;
}

static const char *text_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));
	ck_assert_msg(text != NULL, "no \"%s\"", name);
	return text;
}

START_TEST(json_has_every_part)
{
	int fd = log_to_pipe(LOG_SINK_FILE, LOG_FORMAT_JSON);
	put_event(LOG_WARNING, STR("a@example.org"));
	json_t *json = parse_line(written(fd));
	ck_assert_uint_eq(strlen(text_of(json, "time")), strlen("2026-11-23T22:12:54.123Z"));
	ck_assert_int_eq(text_of(json, "time")[10], 'T');
	ck_assert_str_eq(text_of(json, "host"), "mx.example.org");
	ck_assert_str_eq(text_of(json, "program"), "smtpd");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "pid")), getpid());
	ck_assert_str_eq(text_of(json, "level"), "warning");
	ck_assert_str_eq(text_of(json, "id"), "4KYPsr");
	ck_assert_str_eq(text_of(json, "from"), "a@example.org");
	ck_assert_str_eq(text_of(json, "relay"), "local");
	ck_assert_str_eq(text_of(json, "note"), "queue active");
	ck_assert(json_real_value(json_object_get(json, "delay")) == 1.25);
	ck_assert_uint_eq(json_object_size(json), 11);
	json_decref(json);
	put_known("x");
	json = parse_line(written(fd));
	ck_assert_str_eq(text_of(json, "note"), "connect from x");
	ck_assert_str_eq(text_of(json, "session"), "1a2b");
	json_decref(json);
}
END_TEST

START_TEST(json_values_survive)
{
	int fd = log_to_pipe(LOG_SINK_FILE, LOG_FORMAT_JSON);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct log_event ev;
		log_begin(&ev, LOG_INFO, values[i].value);
		log_str(&ev, "helo", values[i].value);
		log_note(&ev, values[i].value);
		log_end(&ev);
		json_t *json = parse_line(written(fd));
		ck_assert_str_eq(text_of(json, "helo"), values[i].json.p);
		ck_assert_str_eq(text_of(json, "note"), values[i].json.p);
		json_decref(json);
	}
}
END_TEST

/* Octets that escape to one, two, four, five and ten, so that records end at every place. */
static const struct str fillers[] = {STR("a"), STR("\""), STR("\\"), STR("\xff"), STR("\xc3\xa9"),
    STR("\xc2\x9b"), STR("\xf0\x9f\x98\x80")};

static void fill(char *to, size_t n, struct str with)
{
	for (size_t i = 0; i < n; i++)
		to[i] = with.p[i % with.n];
}

START_TEST(long_records_are_cut_but_whole)
{
	static char text[8192];
	for (int format = LOG_FORMAT_LINE; format <= LOG_FORMAT_JSON; format++) {
		int fd = log_to_pipe(LOG_SINK_FILE, (enum log_format)format);
		for (size_t n = 0; n < 3000; n += 7) {
			struct log_event ev;
			struct str with = fillers[n / 7 % 7];
			fill(text, sizeof(text), with);
			log_begin(&ev, LOG_INFO, str_from(text, n / 10));
			for (int i = 0; i < 12; i++) {
				char name[16];
				snprintf(name, sizeof(name), "value%d", i);
				i % 3 == 2 ? log_address(&ev, name, str_from(text, n))
					   : log_str(&ev, name, str_from(text, n));
			}
			log_u64(&ev, "size", n);
			log_note(&ev, str_from(text, n));
			log_str(&ev, "behind", str_from(text, n));
			log_end(&ev);
			const char *line = written(fd);
			ck_assert_uint_le(strlen(line), LOG_LINE_MAX);
			ck_assert(utf8_is_valid(str_from_cstr(line)));
			if (format == LOG_FORMAT_JSON)
				json_decref(parse_line(line));
			else
				ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
		}
	}
}
END_TEST

START_TEST(a_value_is_cut_at_its_maximum)
{
	static char text[2 * LOG_VALUE_MAX];
	int fd = log_to_pipe(LOG_SINK_STDERR, LOG_FORMAT_LINE);
	struct log_event ev;
	memset(text, 'a', sizeof(text));
	log_begin(&ev, LOG_INFO, STR(""));
	log_str(&ev, "x", str_from(text, LOG_VALUE_MAX));
	log_str(&ev, "y", str_from(text, LOG_VALUE_MAX + 1));
	log_end(&ev);
	const char *line = body(written(fd));
	ck_assert_uint_eq(strlen(line), strlen("x=, y=...") + 2 * LOG_VALUE_MAX);
	ck_assert_str_eq(line + strlen(line) - 4, "a...");
}
END_TEST

START_TEST(deferred_lines_go_out_together)
{
	int fd = log_to_pipe(LOG_SINK_STDERR, LOG_FORMAT_LINE);
	log_deferred(true);
	log_message(LOG_INFO, "one");
	log_message(LOG_INFO, "two");
	ck_assert_str_eq(written(fd), "");
	loop_soon((loop_fn *)(void (*)(void))loop_exit, NULL);
	loop_run();
	const char *lines = written(fd);
	ck_assert_ptr_nonnull(strstr(lines, "one\n"));
	ck_assert_ptr_nonnull(strstr(lines, "two\n"));
	log_message(LOG_INFO, "three");
	log_flush();
	ck_assert_ptr_nonnull(strstr(written(fd), "three\n"));
	log_message(LOG_INFO, "four");
	log_deferred(false);
	ck_assert_ptr_nonnull(strstr(written(fd), "four\n"));
}
END_TEST

static size_t count_lines(const char *text, const char *with)
{
	size_t n = 0;
	for (; *text != '\0'; text = strchr(text, '\n') + 1) {
		ck_assert_ptr_nonnull(strchr(text, '\n'));
		char *found = strstr(text, with);
		n += found != NULL && found < strchr(text, '\n');
	}
	return n;
}

/* A reader that does not read costs lines, but neither time nor memory without end. */
START_TEST(a_slow_reader_is_not_waited_for)
{
	int fd = log_to_pipe(LOG_SINK_STDERR, LOG_FORMAT_LINE);
	size_t kept = 0;
	for (int i = 0; i < 60000; i++)
		log_message(LOG_INFO, "event with some text to make it longer: %060d", i);
	/* The pipe and what is pending hold about 2 MiB of the 6. */
	for (int i = 0; i < 6; i++) {
		kept += count_lines(written(fd), "event");
		log_flush();
	}
	ck_assert_uint_gt(kept, 10000);
	ck_assert_uint_lt(kept, 30000);
	log_message(LOG_INFO, "after");
	log_flush();
	log_flush();
	const char *rest = written(fd);
	char dropped[64];
	snprintf(dropped, sizeof(dropped), "dropped=%zu ", (size_t)60000 - kept);
	ck_assert_msg(strstr(rest, dropped) != NULL || strstr(got, "after") != NULL, "%s", rest);
}
END_TEST

START_TEST(a_full_disk_fails_nobody)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	log_init("smtpd", "mx", LOG_SINK_FILE, LOG_FORMAT_LINE, false);
	log_set_fd(full);
	log_deferred(true);
	for (int i = 0; i < 3; i++)
		log_message(LOG_INFO, "lost");
	log_flush();
	log_flush();
	/* Nothing waits to be tried again and again. */
	loop_soon((loop_fn *)(void (*)(void))loop_exit, NULL);
	loop_run();
	int fd = log_to_pipe(LOG_SINK_FILE, LOG_FORMAT_LINE);
	log_message(LOG_INFO, "found");
	log_flush();
	log_flush();
	const char *lines = written(fd);
	ck_assert_uint_eq(count_lines(lines, "found"), 1);
	ck_assert_uint_eq(count_lines(lines, "dropped=3 (log lines could not be written)"), 1);
	ck_assert_uint_eq(count_lines(lines, "lost"), 0);
}
END_TEST

START_TEST(syslog_gets_a_datagram_a_line)
{
	int ends[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	log_init("smtpd", "mx", LOG_SINK_SYSLOG, LOG_FORMAT_LINE, false);
	log_set_fd(ends[1]);
	log_deferred(true);
	log_message(LOG_WARNING, "one");
	log_message(LOG_INFO, "two");
	log_flush();
	const char *line = written(ends[0]);
	ck_assert_int_eq(strncmp(line, "<20>", 4), 0); /* mail.warning */
	ck_assert_ptr_nonnull(strstr(line, "]: warning: one"));
	ck_assert_ptr_null(strchr(line, '\n'));
	line = written(ends[0]);
	ck_assert_int_eq(strncmp(line, "<22>", 4), 0);
	/* A stopped syslogd: the lines are lost, the program lives. */
	close(ends[0]);
	for (int i = 0; i < 100; i++)
		log_message(LOG_INFO, "three");
	log_flush();
	log_deferred(false);
}
END_TEST

START_TEST(a_child_does_not_write_its_parents_lines)
{
	int fd = log_to_pipe(LOG_SINK_STDERR, LOG_FORMAT_LINE);
	int status;
	log_deferred(true);
	log_message(LOG_INFO, "parent");
	pid_t child = fork();
	if (child == 0) {
		log_message(LOG_INFO, "child");
		log_flush();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	const char *lines = written(fd);
	char head[32];
	snprintf(head, sizeof(head), "[%d]: child", (int)child);
	ck_assert_uint_eq(count_lines(lines, "parent"), 0);
	ck_assert_uint_eq(count_lines(lines, head), 1);
	log_flush();
	ck_assert_uint_eq(count_lines(written(fd), "parent"), 1);
}
END_TEST

START_TEST(fatal_says_why_and_ends)
{
	int fd = log_to_pipe(LOG_SINK_STDERR, LOG_FORMAT_LINE);
	int status;
	pid_t child = fork();
	if (child == 0) {
		log_deferred(true);
		log_fatal(EX_CONFIG, "no %s", "way");
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(written(fd), "]: fatal: no way\n"));
}
END_TEST

/* Dates need the time zone, which the jail has no file of. */
START_TEST(lines_and_dates_work_in_the_jail)
{
	int fd = log_to_pipe(LOG_SINK_FILE, LOG_FORMAT_LINE);
	int status;
	pid_t child = fork();
	if (child == 0) {
		char date[HEADER_DATE_SIZE];
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		sandbox_filter(0);
		header_date(0, date);
		log_message(LOG_INFO, "%s", date);
		_exit(7);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 7);
	ck_assert_ptr_nonnull(strstr(written(fd), "Thu, 1 Jan 1970 00:00:00 +0000\n"));
}
END_TEST

START_TEST(files_are_appended_to)
{
	char path[] = "/tmp/postern-log-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_eq(write(fd, "old\n", 4), 4);
	log_init("smtpd", "mx", LOG_SINK_FILE, LOG_FORMAT_LINE, false);
	int sink = log_open(LOG_SINK_FILE, path);
	ck_assert_int_ge(sink, 0);
	log_set_fd(sink);
	log_message(LOG_INFO, "new");
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	const char *lines = written(fd);
	ck_assert_int_eq(strncmp(lines, "old\n", 4), 0);
	ck_assert_ptr_nonnull(strstr(lines, "new\n"));
	ck_assert_int_lt(log_open(LOG_SINK_FILE, "/nonexistent/x"), 0);
	sink = log_open(LOG_SINK_STDERR, NULL);
	ck_assert_int_gt(sink, 2);
	close(sink);
	close(fd);
	unlink(path);
}
END_TEST

UNIT_MAIN("log", a_line_is_what_log_tools_parse, a_file_has_date_and_host_in_front,
    delays_are_seconds, values_are_escaped_and_stay_apart, json_has_every_part, json_values_survive,
    long_records_are_cut_but_whole, a_value_is_cut_at_its_maximum, deferred_lines_go_out_together,
    a_slow_reader_is_not_waited_for, a_full_disk_fails_nobody, syslog_gets_a_datagram_a_line,
    a_child_does_not_write_its_parents_lines, fatal_says_why_and_ends,
    lines_and_dates_work_in_the_jail, files_are_appended_to)
