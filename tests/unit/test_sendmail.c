/* SPDX-License-Identifier: ISC
 *
 * The real sendmail against a server that writes down what it hears: command
 * lines and messages of the programs that call it, and every refusal with the exit
 * status it must become. Run from the build directory.
 */
#include "control/unix-socket.h"
#include "common/str.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { ARGS_MAX = 12, TEXT_MAX = 1 << 20, TIMEOUT_S = 30 };

static char dir[64], conf_path[128];
static pid_t server;
static char output[TEXT_MAX], heard[TEXT_MAX];

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, 128, "%s/%s", dir, name);
	return p;
}

static void slurp(const char *name, char *to)
{
	size_t n = 0;
	FILE *f = fopen(in_dir(name), "re");
	if (f != NULL) {
		n = fread(to, 1, TEXT_MAX - 1, f);
		fclose(f);
	}
	to[n] = '\0';
}

/* --- The server --- */

static const struct {
	const char *line; /* begins with it */
	const char *reply;
} replies[] = {
    {"EHLO", "250-origin.test hello\r\n250-8BITMIME\r\n250-SIZE 1000000\r\n250-DSN\r\n"
	     "250-LIMITS RCPTMAX=3\r\n250 SMTPUTF8\r\n"},
    {"MAIL FROM:<evil@", "550 5.7.1 not you\r\n"},
    {"MAIL FROM:<busy@", "451 4.3.0 later\r\n"},
    {"RCPT TO:<nobody", "550 5.1.1 no such user\r\n"},
    {"RCPT TO:<relay", "550 5.7.1 relaying denied\r\n"},
    {"RCPT TO:<later", "451 4.2.1 mailbox busy\r\n"},
    {"RCPT TO:<junk", "hello\r\n"},
    {"RCPT TO:<gone", ""},
    {"DATA", "354 go on\r\n"},
    {"QUIT", "221 bye\r\n"},
    {"", "250 2.0.0 ok\r\n"},
};

static const char *reply_to(const char *line)
{
	size_t i = 0;
	while (strncmp(line, replies[i].line, strlen(replies[i].line)) != 0)
		i++;
	return replies[i].reply;
}

static void say(FILE *client, const char *text)
{
	fputs(text, client);
	fflush(client);
}

static void take_content(FILE *in, FILE *client, FILE *log)
{
	char line[4096];
	bool refuse = false;
	while (fgets(line, sizeof(line), in) != NULL && strcmp(line, ".\r\n") != 0) {
		fputs(line, log);
		refuse |= strstr(line, "REFUSE") != NULL;
		if (strstr(line, "TOO MUCH") != NULL) {
			say(client, "552 5.3.4 too big\r\n");
			_exit(0);
		}
	}
	fputs(".\r\n", log);
	say(client, refuse ? "554 5.6.0 I do not like it\r\n" : "250 2.0.0 queued\r\n");
}

static void serve(int fd)
{
	char line[4096];
	FILE *in = fdopen(fd, "re"), *client = fdopen(dup(fd), "we");
	FILE *log = fopen(in_dir("heard"), "ae");
	setvbuf(log, NULL, _IOLBF, 0);
	say(client, "220 origin.test ESMTP\r\n");
	while (fgets(line, sizeof(line), in) != NULL) {
		fputs(line, log);
		const char *reply = reply_to(line);
		if (reply[0] == '\0')
			break;
		say(client, reply);
		if (strncmp(line, "DATA", 4) == 0)
			take_content(in, client, log);
	}
	fclose(log);
	_exit(0);
}

static void start_server(void)
{
	int listener = unix_socket_listen(dir, "sendmail.sock", SOCK_STREAM, 0600);
	ck_assert_int_ge(listener, 0);
	fcntl(listener, F_SETFL, 0);
	server = fork();
	if (server == 0) {
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN);
		for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd))
			if (fork() == 0)
				serve(fd);
		_exit(0);
	}
	close(listener);
}

static void set_up(void)
{
	snprintf(dir, sizeof(dir), "/tmp/postern-sendmail-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(conf_path, sizeof(conf_path), "%s", in_dir("postern.conf"));
	FILE *f = fopen(conf_path, "we");
	fprintf(f,
	    "hostname = \"origin.test\"\nmailboxes = \"mail/%%d/%%n\"\nrun = \".\"\n"
	    "listen smtp { address = \"127.0.0.1:2525\" }\nsmtp { size-max = \"100 KiB\" }\n");
	fclose(f);
	start_server();
}

static void tear_down(void)
{
	static const char *const names[] = {"sendmail.sock", "heard", "postern.conf", "output"};
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	ck_assert_int_eq(rmdir(dir), 0);
}

/* --- The client --- */

static int file_with(struct str s)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);
	ck_assert_int_eq(write(fd, s.p, s.n), (ssize_t)s.n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Exit status; standard output and error are in `output`, what the server heard in `heard`. */
static int run(const char *const *args, struct str input)
{
	const char *argv[ARGS_MAX + 4] = {"sendmail", "-C", conf_path};
	int in = file_with(input), status, n = 3;
	for (int i = 0; i < ARGS_MAX && args[i] != NULL; i++)
		argv[n++] = args[i];
	pid_t pid = fork();
	if (pid == 0) {
		int out = open(in_dir("output"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
		setenv("NAME", "Ann Other", 1);
		dup2(in, 0);
		dup2(out, 1);
		dup2(out, 2);
		execv("control/sendmail", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(in);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "status %x", (unsigned)status);
	slurp("output", output);
	slurp("heard", heard);
	return WEXITSTATUS(status);
}

#define LETTER "From: cron <cron@x.test>\nTo: ann@x.test\nDate: d\nMessage-ID: <m>\n\nhello\n"
#define LETTER_OUT                                                                                 \
	"From: cron <cron@x.test>\r\nTo: ann@x.test\r\nDate: d\r\nMessage-ID: "                    \
	"<m>\r\n\r\nhello\r\n.\r\n"

static const struct good {
	const char *args[ARGS_MAX];
	const char *input;
	const char *heard[6]; /* each is contained in it */
} good[] = {
    {{"-i", "ann@x.test"}, LETTER, {"RCPT TO:<ann@x.test>\r\n", LETTER_OUT, "QUIT\r\n"}},
    {{"-t", "-i"}, LETTER, {"RCPT TO:<ann@x.test>\r\nDATA\r\n", LETTER_OUT}},
    {{"-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"}, LETTER,
	{"RCPT TO:<root@origin.test>\r\n", LETTER_OUT, " BODY=8BITMIME SIZE="}},
    {{"-i", "-f", "list@x.test", "a@x.test", "--"}, LETTER, {"MAIL FROM:<list@x.test> "}},
    {{"-i", "-flist", "a@x.test"}, LETTER, {"MAIL FROM:<list@origin.test> "}},
    {{"-i", "-f", "<>", "a@x.test"}, LETTER, {"MAIL FROM:<> "}},
    {{"-i", "-f", "", "a@x.test"}, LETTER, {"MAIL FROM:<> "}},
    {{"-i", "-f", "<b@x.test>", "a@x.test"}, LETTER, {"MAIL FROM:<b@x.test> "}},
    {{"-i", "-N", "success,delay", "-R", "hdrs", "-V", "a+b", "a@x.test"}, LETTER,
	{" RET=HDRS ENVID=a+2Bb\r\n", "RCPT TO:<a@x.test> NOTIFY=SUCCESS,DELAY\r\n"}},
    {{"-i", "a@x.test,b@x.test", "B <b@x.test>"}, LETTER,
	{"RCPT TO:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n"}},
    {{"-t", "b@x.test"}, LETTER, {"RCPT TO:<b@x.test>\r\nRCPT TO:<ann@x.test>\r\nDATA\r\n"}},
    {{"-i", "j\xc3\xb6rg@x.test"}, LETTER, {" SMTPUTF8", "RCPT TO:<j\xc3\xb6rg@x.test>\r\n"}},
    /* a dot ends it, unless -i */
    {{"a@x.test"}, "A: b\n\none\n.\ntwo\n", {"\r\n\r\none\r\n.\r\nQUIT\r\n"}},
    {{"-oi", "a@x.test"}, "A: b\n\none\n.\ntwo\n", {"\r\n\r\none\r\n..\r\ntwo\r\n.\r\nQUIT\r\n"}},
    {{"-i", "a@x.test"}, "A: b\r\n\r\none\r\ntwo\rthree", {"\r\n\r\none\r\ntwo\r\nthree\r\n.\r\n"}},
    /* what is missing is added */
    {{"-i", "-f", "me@x.test", "a@x.test"}, "only a body\n",
	{"\r\nFrom: Ann Other <me@x.test>\r\nDate: ", "Message-ID: <",
	    "@origin.test>\r\n\r\nonly a body\r\n"}},
    {{"-i", "-f", "me@x.test", "-F", "A, B", "a@x.test"}, "\nx\n",
	{"\r\nFrom: \"A, B\" <me@x.test>\r\n"}},
    {{"-t"}, "To: a@x.test\nBcc: b@x.test\nSubject: s\n\nx\n",
	{"RCPT TO:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n", "\r\nTo: a@x.test\r\nSubject: s\r\n"}},
    {{"-i", "a@x.test"}, "", {"\r\nDate: ", "\r\n\r\n.\r\nQUIT\r\n"}},
    /* more recipients than the server takes at once */
    {{"-i", "1@x.test", "2@x.test", "3@x.test", "4@x.test"}, LETTER,
	{"RCPT TO:<3@x.test>\r\nDATA\r\n", ".\r\nMAIL FROM:<",
	    "RCPT TO:<4@x.test>\r\nDATA\r\n" LETTER_OUT "QUIT\r\n"}},
    {{"-q"}, "", {""}},
    {{"-bs"}, "EHLO x\r\nMAIL FROM:<a@b>\r\nQUIT\r\n", {"MAIL FROM:<a@b>\r\nQUIT\r\n"}},
};

START_TEST(messages_of_programs)
{
	const struct good *g = &good[_i];
	ck_assert_msg(run(g->args, str_from_cstr(g->input)) == EX_OK, "%d: %s", _i, output);
	for (size_t i = 0; i < 6 && g->heard[i] != NULL; i++)
		ck_assert_msg(strstr(heard, g->heard[i]) != NULL, "%d: no \"%s\" in:\n%s", _i,
		    g->heard[i], heard);
	ck_assert_ptr_null(strstr(heard, "Bcc"));
}
END_TEST

static const struct bad {
	const char *args[ARGS_MAX];
	const char *input;
	int status;
	const char *said;
	const char *heard; /* contained; NULL: nothing was sent */
} bad[] = {
    {{"-i"}, LETTER, EX_USAGE, "-t", NULL},
    {{"-Z", "a@x.test"}, LETTER, EX_USAGE, "-Z", NULL},
    {{"-bd"}, "", EX_USAGE, "postern start", NULL},
    {{"-t"}, "Subject: x\n\nx\n", EX_USAGE, "no To, Cc or Bcc", NULL},
    {{"-t"}, "To: two words\n\nx\n", EX_DATAERR, "To: two words", NULL},
    {{"-t"}, "Cc: a@@b\n\nx\n", EX_DATAERR, "\"a@@b\"", NULL},
    {{"-i", "two words"}, LETTER, EX_USAGE, "two words", NULL},
    {{"-i", "a@b@c"}, LETTER, EX_USAGE, "a@b@c", NULL},
    {{"-i", "-f", "a b", "x@x.test"}, LETTER, EX_USAGE, "-f", NULL},
    {{"-i", "nobody@x.test"}, LETTER, EX_NOUSER, "nobody@x.test: 550 5.1.1 no such user", "RSET"},
    {{"-i", "relay@x.test"}, LETTER, EX_UNAVAILABLE, "relay@x.test: 550 5.7.1", "RSET"},
    {{"-i", "ann@x.test", "nobody@x.test"}, LETTER, EX_NOUSER, "nobody@x.test: 550", LETTER_OUT},
    {{"-i", "ann@x.test", "later@x.test"}, LETTER, EX_TEMPFAIL, "later@x.test: 451", "QUIT"},
    {{"-i", "-f", "evil@x.test", "a@x.test"}, LETTER, EX_NOPERM, "evil@x.test: 550", "QUIT"},
    {{"-i", "-f", "busy@x.test", "a@x.test"}, LETTER, EX_TEMPFAIL, "busy@x.test: 451", "QUIT"},
    {{"-i", "a@x.test"}, "X: y\n\nREFUSE\n", EX_DATAERR, "554 5.6.0 I do not like it", ".\r\n"},
    {{"-i", "a@x.test"}, "X: y\n\nTOO MUCH\n", EX_DATAERR, "552 5.3.4", "X: y"},
    {{"-i", "junk@x.test"}, LETTER, EX_PROTOCOL, "no SMTP reply", "junk"},
    {{"-i", "gone@x.test"}, LETTER, EX_TEMPFAIL, "try again", "gone"},
};

START_TEST(refusals)
{
	const struct bad *b = &bad[_i];
	int status = run(b->args, str_from_cstr(b->input));
	ck_assert_msg(status == b->status, "%d: status %d: %s", _i, status, output);
	ck_assert_msg(strstr(output, b->said) != NULL, "%d: no \"%s\" in: %s", _i, b->said, output);
	if (b->heard != NULL)
		ck_assert_msg(strstr(heard, b->heard) != NULL, "%d: %s", _i, heard);
	else
		ck_assert_ptr_null(strstr(heard, "MAIL"));
	if (b->status == EX_TEMPFAIL)
		ck_assert_ptr_null(strstr(heard, "DATA"));
}
END_TEST

START_TEST(without_a_server_it_is_to_be_tried_again)
{
	const char *args[ARGS_MAX] = {"-i", "a@x.test"};
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	ck_assert_int_eq(run(args, STR(LETTER)), EX_TEMPFAIL);
	ck_assert_ptr_nonnull(strstr(output, "postern start"));
	unlink(in_dir("sendmail.sock"));
	ck_assert_int_eq(run(args, STR(LETTER)), EX_TEMPFAIL);
}
END_TEST

START_TEST(too_large_is_refused_before_anything_is_sent)
{
	const char *args[ARGS_MAX] = {"-i", "a@x.test"};
	size_t n = 100 * 1024 + 1;
	char *text = malloc(n);
	memset(text, 'x', n);
	ck_assert_int_eq(run(args, str_from(text, n)), EX_DATAERR);
	ck_assert_ptr_nonnull(strstr(output, "size-max"));
	ck_assert_str_eq(heard, "");
	free(text);
}
END_TEST

START_TEST(the_sender_is_who_calls)
{
	const char *args[ARGS_MAX] = {"-i", "a@x.test"};
	char want[300];
	const struct passwd *pw = getpwuid(getuid());
	ck_assert_int_eq(run(args, STR("x\n")), EX_OK);
	if (pw != NULL)
		snprintf(want, sizeof(want), "MAIL FROM:<%s@origin.test> ", pw->pw_name);
	else
		snprintf(want, sizeof(want), "MAIL FROM:<uid%u@origin.test> ", (unsigned)getuid());
	ck_assert_msg(strstr(heard, want) != NULL, "%s", heard);
}
END_TEST

START_TEST(verbose_shows_the_dialog)
{
	const char *args[ARGS_MAX] = {"-i", "-v", "a@x.test"};
	ck_assert_int_eq(run(args, STR("x\n")), EX_OK);
	ck_assert_ptr_nonnull(strstr(output, ">>> RCPT TO:<a@x.test>"));
	ck_assert_ptr_nonnull(strstr(output, "250 2.0.0 queued"));
}
END_TEST

START_TEST(a_configuration_with_faults_is_no_guess)
{
	const char *args[ARGS_MAX] = {"-C", "/nonexistent/postern.conf", "-i", "a@x.test"};
	ck_assert_int_eq(run(args, STR("x\n")), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(output, "/nonexistent/postern.conf: "));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sendmail");
	tcase_set_timeout(tc, TIMEOUT_S);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, messages_of_programs, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tc, refusals, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, without_a_server_it_is_to_be_tried_again);
	tcase_add_test(tc, too_large_is_refused_before_anything_is_sent);
	tcase_add_test(tc, the_sender_is_who_calls);
	tcase_add_test(tc, verbose_shows_the_dialog);
	tcase_add_test(tc, a_configuration_with_faults_is_no_guess);
	return unit_run_case("sendmail", tc);
}
