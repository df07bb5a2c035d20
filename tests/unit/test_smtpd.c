/* SPDX-License-Identifier: ISC
 *
 * The real smtpd between a control, a directory, a queue and clients that are all
 * this test: what a session does when one of them is slow, dies, or lies.
 */
#include "tests/unit/smtpd-stage.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stage st;
static struct stage_client c;

static const char strangers[] = "networks = {\"192.0.2.0/24\"}";

static void begin(const char *top, const char *smtp)
{
	ck_assert_msg(stage_start(&st, top, smtp), "smtpd does not start");
	stage_client_open(&st, &c, 1);
}

static void end(void)
{
	stage_client_close(&c);
	stage_stop(&st);
}

static bool is_submitted(struct stage *s)
{
	return s->submissions > 0;
}

static bool is_submitted_twice(struct stage *s)
{
	return s->submissions > 1;
}

static bool is_asked(struct stage *s)
{
	return s->queries > 0;
}

static bool is_asked_twice(struct stage *s)
{
	return s->queries > 1;
}

static bool has_file(struct stage *s)
{
	return s->queue_file >= 0;
}

static bool is_abandoned(struct stage *s)
{
	return s->abandoned > 0;
}

static bool is_control_gone(struct stage *s)
{
	return s->control_gone;
}

static long resident_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtol(line + 8, NULL, 10);
	if (f != NULL)
		fclose(f);
	return kib;
}

START_TEST(takes_a_message)
{
	begin(strangers, "");
	stage_greet(&c);
	stage_envelope(&c);
	stage_say(&c, "DATA\r\n");
	stage_expect(&c, "354 ");
	stage_say(&c, "Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n");
	stage_expect(&c, "250 2.0.0 Ok: queued as ");
	stage_expect(&c, "221 ");
	stage_expect_closed(&c);
	const struct envelope *e = &st.last.envelope;
	ck_assert(str_eq(e->reverse_path, STR("a@client.example")));
	ck_assert(str_eq(e->client, STR("[127.0.0.1]")));
	ck_assert(str_eq(e->helo, STR("client.example")));
	ck_assert_uint_ne(e->token, 0);
	ck_assert_uint_gt(e->arrival, 0);
	ck_assert_uint_gt(e->session.n, 0);
	ck_assert_uint_eq(st.last.repeated, 0);
	ck_assert_uint_eq(st.last.recipient_count, 1);
	struct str content = buf_str(&st.last.content);
	static const char tail[] = "\r\nSubject: x\r\n\r\nhello\r\n";
	ck_assert(str_has_prefix(content, STR("Received: from client.example ([127.0.0.1])\r\n")));
	ck_assert(str_eq(str_skip(content, content.n - strlen(tail)), str_from_cstr(tail)));
	/* By what queue logs of the message, too, the whole session is found. */
	char line[200];
	snprintf(line, sizeof(line), ": connect from unknown[127.0.0.1] session=%.*s\n", STR_ARG(e->session));
	ck_assert(stage_logged(&st, line));
	snprintf(line, sizeof(line),
	    "disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5 "
	    "session=%.*s\n", STR_ARG(e->session));
	ck_assert(stage_logged(&st, line));
	end();
}
END_TEST

START_TEST(refusals_are_logged)
{
	begin(strangers, "");
	stage_greet(&c);
	stage_envelope(&c);
	stage_say(&c, "RCPT TO:<x@example.org>\r\nRCPT TO:<a@far.example>\r\nXYZZY\r\n");
	stage_expect(&c, "550 5.1.1");
	stage_expect(&c, "550 5.7.1");
	stage_expect(&c, "500 ");
	ck_assert(stage_logged(&st, "NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 550 5.1.1 "
				    "<x@example.org>: No such user "
				    "here; from=<a@client.example> to=<x@example.org> proto=ESMTP "
				    "helo=<client.example> session="));
	stage_client_close(&c);
	ck_assert(stage_logged(&st, "lost connection after UNKNOWN from unknown[127.0.0.1] session="));
	ck_assert(stage_logged(&st, "ehlo=1 mail=1 rcpt=1/3 unknown=0/1 commands=3/6 session="));
	stage_stop(&st);
}
END_TEST

START_TEST(asks_once_and_remembers)
{
	begin(strangers, "");
	stage_greet(&c);
	stage_envelope(&c);
	stage_say(&c, "RCPT TO:<ann@example.org>\r\n");
	stage_expect(&c, "250 ");
	ck_assert_uint_eq(st.queries, 1);
	/* Another generation of tables. */
	st.generation = 2;
	msg_directory_generation_send(
	    st.directory, &(struct msg_directory_generation){.generation = 2}, NULL);
	while (st.queries == 1) {
		stage_say(&c, "RCPT TO:<ann@example.org>\r\n");
		stage_expect(&c, "250 ");
	}
	ck_assert_uint_eq(st.queries, 2);
	/* Another directory. */
	stage_kill_directory(&st);
	stage_connect_directory(&st);
	while (st.queries == 2) {
		stage_say(&c, "RCPT TO:<ann@example.org>\r\n");
		stage_expect(&c, "250 ");
	}
	end();
}
END_TEST

START_TEST(asks_again_when_directory_was_killed)
{
	begin(strangers, "");
	st.directory_silent = true;
	stage_greet(&c);
	stage_say(&c, "MAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\nNOOP\r\n");
	stage_expect(&c, "250 2.1.0");
	ck_assert(stage_until(&st, is_asked));
	stage_kill_directory(&st);
	stage_connect_directory(&st);
	ck_assert(stage_until(&st, is_asked_twice));
	stage_answer_query(&st);
	stage_expect(&c, "250 2.1.5");
	stage_expect(&c, "250 2.0.0");
	end();
}
END_TEST

START_TEST(client_goes_while_directory_thinks)
{
	begin(strangers, "");
	st.directory_silent = true;
	stage_greet(&c);
	stage_say(&c, "MAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\n");
	stage_expect(&c, "250 2.1.0");
	ck_assert(stage_until(&st, is_asked));
	stage_client_close(&c);
	stage_answer_query(&st);
	ck_assert(stage_logged(&st, "disconnect from"));
	/* An answer to nobody does no harm. */
	stage_answer_query(&st);
	st.directory_silent = false;
	stage_client_open(&st, &c, 1);
	stage_greet(&c);
	stage_envelope(&c);
	end();
}
END_TEST

static void send_text(const char *text)
{
	stage_say(&c, "DATA\r\n");
	stage_expect(&c, "354 ");
	stage_say(&c, text);
}

START_TEST(sends_again_when_queue_was_killed)
{
	begin(strangers, "");
	st.queue_silent = true;
	stage_greet(&c);
	stage_envelope(&c);
	send_text("hello\r\n.\r\nNOOP\r\n");
	ck_assert(stage_until(&st, is_submitted));
	uint64_t token = st.last.token;
	ck_assert_uint_eq(st.last.repeated, 0);
	stage_kill_queue(&st);
	st.queue_silent = false;
	stage_connect_queue(&st);
	stage_expect(&c, "250 2.0.0 Ok: queued as ");
	stage_expect(&c, "250 2.0.0 Ok");
	ck_assert_uint_eq(st.submissions, 2);
	ck_assert_uint_eq(st.last.repeated, 1);
	ck_assert_uint_eq(st.last.token, token);
	/* The next message is a new one. */
	stage_envelope(&c);
	send_text(".\r\n");
	stage_expect(&c, "250 2.0.0 Ok: queued as ");
	ck_assert_uint_eq(st.last.repeated, 0);
	ck_assert_uint_ne(st.last.token, token);
	end();
}
END_TEST

START_TEST(waits_for_queue_that_is_away)
{
	begin(strangers, "");
	stage_greet(&c);
	stage_kill_queue(&st);
	ck_assert(stage_logged(&st, "queue is away"));
	stage_envelope(&c);
	send_text("hello\r\n.\r\n");
	stage_connect_queue(&st);
	stage_expect(&c, "250 2.0.0 Ok: queued as ");
	ck_assert_uint_eq(st.submissions, 1);
	ck_assert_uint_eq(st.last.repeated, 0);
	end();
}
END_TEST

START_TEST(hands_on_what_queue_says)
{
	begin(strangers, "");
	st.queue_silent = true;
	stage_greet(&c);
	stage_envelope(&c);
	send_text(".\r\n");
	ck_assert(stage_until(&st, is_submitted));
	stage_answer_submission(&st, 452, "The disk\r\nis \001full");
	stage_expect(&c, "452 4.3.1 The disk??is ?full\r\n");
	stage_intake(&st, false);
	ck_assert(stage_logged(&st, "intake=closed (the disk is full)\n"));
	stage_say(&c, "MAIL FROM:<>\r\n");
	stage_expect(&c, "452 4.3.1 Insufficient system storage");
	stage_intake(&st, true);
	ck_assert(stage_logged(&st, "intake=open\n"));
	st.queue_silent = false;
	stage_envelope(&c);
	send_text(".\r\n");
	stage_expect(&c, "250 ");
	end();
}
END_TEST

START_TEST(client_goes_while_queue_writes)
{
	begin(strangers, "");
	st.queue_silent = true;
	stage_greet(&c);
	stage_envelope(&c);
	send_text("x\r\n.\r\n");
	ck_assert(stage_until(&st, is_submitted));
	stage_client_close(&c);
	stage_answer_submission(&st, 250, "");
	ck_assert(stage_logged(&st, "disconnect from"));
	st.queue_silent = false;
	stage_client_open(&st, &c, 1);
	stage_greet(&c);
	stage_envelope(&c);
	send_text("y\r\n.\r\n");
	stage_expect(&c, "250 ");
	end();
}
END_TEST

enum { LARGE = 300 * 1024, LINE = 64 };

static char *large_text(void)
{
	char *text = malloc(LARGE + 16);
	for (size_t i = 0; i < LARGE; i += LINE)
		memcpy(text + i,
		    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", LINE);
	memcpy(text + LARGE, ".\r\n", 4);
	return text;
}

START_TEST(takes_a_large_message)
{
	char *text = large_text();
	begin(strangers, "");
	stage_greet(&c);
	for (int i = 0; i < 2; i++) {
		stage_envelope(&c);
		send_text(text);
		stage_expect(&c, "250 2.0.0 Ok: queued as ");
		struct str content = buf_str(&st.last.content);
		ck_assert(st.last.large);
		ck_assert(str_eq(str_skip(content, content.n - LARGE), str_from(text, LARGE)));
	}
	ck_assert_uint_eq(st.abandoned, 0);
	/* BDAT too. */
	stage_envelope(&c);
	char command[32];
	snprintf(command, sizeof(command), "BDAT %d LAST\r\n", LARGE);
	stage_say(&c, command);
	stage_say_octets(&c, str_from(text, LARGE));
	stage_expect(&c, "250 2.0.0 Ok: queued as ");
	ck_assert_uint_eq(st.submissions, 3);
	free(text);
	end();
}
END_TEST

START_TEST(large_message_and_no_file)
{
	char *text = large_text();
	begin(strangers, "");
	st.queue_no_file = true;
	stage_greet(&c);
	stage_envelope(&c);
	send_text(text);
	stage_expect(&c, "452 4.3.1");
	ck_assert_uint_eq(st.submissions, 0);
	free(text);
	end();
}
END_TEST

START_TEST(large_message_and_full_disk)
{
	char *text = large_text();
	begin(strangers, "");
	st.queue_file = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(st.queue_file, 0);
	stage_greet(&c);
	stage_envelope(&c);
	send_text(text);
	stage_expect(&c, "452 4.3.1");
	ck_assert_uint_eq(st.submissions, 0);
	ck_assert(stage_until(&st, is_abandoned));
	free(text);
	end();
}
END_TEST

START_TEST(queue_dies_with_large_message)
{
	char *text = large_text();
	begin(strangers, "");
	st.queue_silent = true;
	stage_greet(&c);
	stage_envelope(&c);
	send_text(text);
	ck_assert(stage_until(&st, is_submitted));
	stage_kill_queue(&st);
	stage_connect_queue(&st);
	stage_expect(&c, "451 4.3.0");
	/* While it is written. */
	stage_envelope(&c);
	stage_say(&c, "DATA\r\n");
	stage_expect(&c, "354 ");
	stage_say_octets(&c, str_from(text, LARGE - 1000 * LINE));
	while (st.queue_file < 0)
		unit_turn();
	stage_kill_queue(&st);
	stage_connect_queue(&st);
	stage_say(&c, text + LARGE - 1000 * LINE);
	stage_expect(&c, "451 4.3.0");
	ck_assert_uint_eq(st.submissions, 1);
	st.queue_silent = false;
	stage_envelope(&c);
	send_text(".\r\n");
	stage_expect(&c, "250 ");
	free(text);
	end();
}
END_TEST

START_TEST(client_goes_in_large_message)
{
	char *text = large_text();
	begin(strangers, "");
	stage_greet(&c);
	stage_envelope(&c);
	stage_say(&c, "DATA\r\n");
	stage_expect(&c, "354 ");
	stage_say_octets(&c, str_from(text, LARGE - 1000));
	stage_client_close(&c);
	ck_assert(stage_until(&st, is_abandoned));
	ck_assert(stage_logged(&st, "lost connection after DATA from unknown[127.0.0.1] session="));
	ck_assert_uint_eq(st.submissions, 0);
	free(text);
	stage_stop(&st);
}
END_TEST

/* More than one packet of recipients, with the longest addresses there can be. */
START_TEST(many_long_recipients)
{
	enum { RCPTS = 500 };
	char local_part[65], domain[200], line[512];
	begin("", "");
	stage_greet(&c);
	stage_say(&c, "MAIL FROM:<a@client.example>\r\n");
	stage_expect(&c, "250 ");
	memset(local_part, 'a', 64);
	local_part[64] = '\0';
	memset(domain, 'd', sizeof(domain) - 1);
	for (size_t i = 60; i < sizeof(domain) - 1; i += 60)
		domain[i] = '.';
	domain[sizeof(domain) - 1] = '\0';
	for (int i = 0; i < RCPTS; i++) {
		char number[8];
		snprintf(number, sizeof(number), "%05d", i);
		memcpy(local_part, number, 5);
		snprintf(line, sizeof(line), "RCPT TO:<%s@%s>\r\n", local_part, domain);
		stage_say(&c, line);
		stage_expect(&c, "250 ");
	}
	char *text = large_text();
	memcpy(text + 60 * 1024, ".\r\n", 4);
	send_text(text);
	stage_expect(&c, "250 ");
	ck_assert(!st.last.large);
	ck_assert_uint_eq(st.last.recipient_count, RCPTS);
	for (int i = 0; i < RCPTS; i++) {
		const struct recipient *r = &st.last.recipients[i];
		ck_assert_int_eq(strtol(r->address.p, NULL, 10), i);
		ck_assert_uint_eq(r->transport, TRANSPORT_REMOTE);
		ck_assert(str_eq(r->nexthop, str_from_cstr(domain)));
	}
	free(text);
	end();
}
END_TEST

START_TEST(address_limit)
{
	struct stage_client more[3];
	begin(strangers, "connections-per-address = 2");
	stage_greet(&c);
	stage_client_open(&st, &more[0], 1);
	stage_greet(&more[0]);
	stage_client_open(&st, &more[1], 1);
	stage_expect(&more[1], "421 4.7.0 mx.example.org Too many connections from your address");
	stage_expect_closed(&more[1]);
	stage_client_close(&more[1]);
	/* Others are served. */
	stage_client_open(&st, &more[2], 2);
	stage_greet(&more[2]);
	/* And so is this one when it has closed one. */
	stage_client_close(&more[0]);
	ck_assert(stage_logged(&st, "disconnect from"));
	stage_client_open(&st, &more[0], 1);
	stage_greet(&more[0]);
	stage_client_close(&more[0]);
	stage_client_close(&more[2]);
	end();
}
END_TEST

/* The longest idle one that is not in a transaction gives way, at once. */
START_TEST(idle_give_way)
{
	struct stage_client more[4];
	begin(strangers, "connections-max = 3");
	stage_greet(&c);
	stage_envelope(&c);
	stage_client_open(&st, &more[0], 1);
	stage_greet(&more[0]);
	stage_client_open(&st, &more[1], 1);
	stage_greet(&more[1]);
	stage_say(&more[0], "NOOP\r\n");
	stage_expect(&more[0], "250 ");
	stage_client_open(&st, &more[2], 1);
	stage_greet(&more[2]);
	stage_expect(&more[1], "421 4.7.0 mx.example.org Idle too long");
	stage_expect_closed(&more[1]);
	/* Nobody is idle any more. */
	stage_envelope(&more[0]);
	stage_envelope(&more[2]);
	stage_client_open(&st, &more[3], 1);
	stage_expect(&more[3], "421 4.3.2");
	stage_expect_closed(&more[3]);
	stage_say(&c, "DATA\r\n");
	stage_expect(&c, "354 ");
	for (int i = 0; i < 4; i++)
		stage_client_close(&more[i]);
	end();
}
END_TEST

START_TEST(command_timeout)
{
	begin(strangers, "command-timeout = \"1 s\"");
	stage_greet(&c);
	stage_say(&c, "NOO");
	stage_expect(&c, "421 4.4.2 mx.example.org Timeout");
	stage_expect_closed(&c);
	ck_assert(stage_logged(&st, "timeout after EHLO from unknown[127.0.0.1] session="));
	end();
}
END_TEST

START_TEST(data_timeout)
{
	begin(strangers, "data-timeout = \"1 s\"");
	stage_greet(&c);
	stage_envelope(&c);
	send_text("x\r\n");
	stage_expect(&c, "421 4.4.2 mx.example.org");
	stage_expect_closed(&c);
	ck_assert(stage_logged(&st, "timeout after DATA from unknown[127.0.0.1] session="));
	ck_assert_uint_eq(st.submissions, 0);
	end();
}
END_TEST

/* One octet whenever the loop turns puts off no bound on the whole. On a slow machine the reply may
 * be read already, behind the one before it: then the end is what comes. */
static void trickle(const char *octet, const char *reply)
{
	for (;;) {
		char peek[4] = "";
		stage_say(&c, octet);
		usleep(20 * 1000);
		if (recv(c.fd, peek, sizeof(peek), MSG_DONTWAIT | MSG_PEEK) >= 0 || errno != EAGAIN)
			break;
	}
	stage_expect(&c, reply);
	stage_expect_closed(&c);
}

START_TEST(data_rate)
{
	begin(strangers, "data-timeout = \"1 s\"\ndata-rate-min = 1000000");
	stage_greet(&c);
	stage_envelope(&c);
	send_text("x\r\n");
	trickle("x", "421 4.4.2 mx.example.org Content comes too slowly");
	end();
}
END_TEST

/* What the client says after smtpd has read last, and before it ends the session, does not cost the
 * client the reason. */
START_TEST(last_words_while_the_client_speaks)
{
	begin(strangers, "session-timeout = \"1 s\"");
	stage_greet(&c);
	stage_envelope(&c);
	send_text("x\r\n");
	/* More than it reads in one turn, and late. */
	static char more[256 * 1024];
	memset(more, 'x', sizeof(more));
	kill(st.pid, SIGSTOP);
	ck_assert_int_gt(send(c.fd, more, sizeof(more), MSG_NOSIGNAL | MSG_DONTWAIT), 65536);
	usleep(1500 * 1000);
	kill(st.pid, SIGCONT);
	stage_expect(&c, "421 4.4.2 mx.example.org Session lasts too long");
	stage_expect_closed(&c);
	end();
}
END_TEST

START_TEST(session_timeout)
{
	begin(strangers, "session-timeout = \"1 s\"");
	stage_greet(&c);
	stage_envelope(&c);
	send_text("x\r\n");
	trickle("x", "421 4.4.2 mx.example.org Session lasts too long");
	end();
}
END_TEST

START_TEST(command_trickle)
{
	begin(strangers, "command-timeout = \"1 s\"");
	stage_greet(&c);
	trickle("x", "421 4.4.2 mx.example.org Timeout");
	end();
}
END_TEST

/* Replies that the client does not read stop it from being read; then it reads them all. */
START_TEST(client_does_not_read)
{
	enum { COMMANDS = 200000 };
	begin(strangers, "commands-per-minute = 1000000");
	stage_greet(&c);
	static char commands[COMMANDS * 6];
	for (int i = 0; i < COMMANDS; i++)
		memcpy(commands + i * 6, "HELP\r\n", 6);
	long before = resident_kib(st.pid);
	stage_say_octets(&c, str_from(commands, sizeof(commands)));
	for (int i = 0; i < 1000; i++)
		unit_turn();
	ck_assert_int_lt(resident_kib(st.pid) - before, 1024);
	for (int i = 0; i < COMMANDS; i++)
		stage_expect(&c, "214 2.0.0");
	stage_say(&c, "QUIT\r\n");
	stage_expect(&c, "221 ");
	end();
}
END_TEST

START_TEST(ended_session_hears_why)
{
	begin(strangers, "");
	stage_greet(&c);
	stage_envelope(&c);
	send_text("bare\nnewline and much behind it\r\n");
	char *text = large_text();
	stage_say(&c, text);
	stage_expect(&c, "554 5.6.0 Bare <LF>");
	free(text);
	end();
}
END_TEST

START_TEST(stop)
{
	struct stage_client busy, waiting;
	begin(strangers, "");
	stage_greet(&c);
	stage_client_open(&st, &busy, 1);
	stage_greet(&busy);
	stage_envelope(&busy);
	stage_say(&busy, "DATA\r\n");
	stage_expect(&busy, "354 ");
	stage_client_open(&st, &waiting, 1);
	stage_greet(&waiting);
	stage_envelope(&waiting);
	st.queue_silent = true;
	stage_say(&waiting, "BDAT 3 LAST\r\nx\r\n");
	ck_assert(stage_until(&st, is_submitted));
	stage_tell_to_stop(&st);
	stage_expect(&c, "421 4.3.2 mx.example.org System shutting down");
	stage_expect_closed(&c);
	stage_answer_submission(&st, 250, "");
	stage_expect(&waiting, "250 ");
	stage_expect(&waiting, "421 4.3.2");
	stage_say(&busy, "hello\r\n.\r\n");
	ck_assert(stage_until(&st, is_submitted_twice));
	stage_answer_submission(&st, 250, "");
	stage_expect(&busy, "250 ");
	stage_expect(&busy, "421 4.3.2");
	stage_expect_closed(&busy);
	ck_assert(stage_until(&st, is_control_gone));
	int status;
	ck_assert_int_eq(waitpid(st.pid, &status, 0), st.pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		ck_assert_msg(stage_logged(&st, "status 0"), "exit status %d", status);
	stage_client_close(&busy);
	stage_client_close(&waiting);
	end();
}
END_TEST

START_TEST(stop_waits_for_nobody_long)
{
	begin(strangers, "");
	stage_greet(&c);
	stage_envelope(&c);
	send_text("never ends\r\n");
	stage_tell_to_stop(&st);
	stage_expect(&c, "421 4.3.2");
	ck_assert(stage_until(&st, is_control_gone));
	end();
}
END_TEST

START_TEST(reload)
{
	struct stage_client fresh;
	begin(strangers, "");
	stage_greet(&c);
	uint16_t old_port = st.port;
	stage_reload(&st, strangers, "recipients-max = 1");
	ck_assert_uint_ne(st.port, old_port);
	stage_client_open(&st, &fresh, 1);
	stage_greet(&fresh);
	stage_envelope(&fresh);
	stage_say(&fresh, "RCPT TO:<bob@example.org>\r\n");
	stage_expect(&fresh, "452 4.5.3");
	/* The session that was there goes on as it began. */
	stage_envelope(&c);
	stage_say(&c, "RCPT TO:<bob@example.org>\r\n");
	stage_expect(&c, "250 ");
	stage_client_close(&fresh);
	end();
}
END_TEST

/* directory sends nonsense: it loses its channel, sessions go on with the next one. */
START_TEST(bad_directory)
{
	begin(strangers, "");
	st.directory_silent = true;
	stage_greet(&c);
	stage_say(&c, "MAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\n");
	stage_expect(&c, "250 2.1.0");
	ck_assert(stage_until(&st, is_asked));
	const struct msg_rcpt_answer bad = {.cookie = st.open_query, .verdict = 77};
	msg_rcpt_answer_send(st.directory, &bad, NULL);
	while (!st.directory_gone)
		unit_turn();
	st.directory_silent = false;
	stage_connect_directory(&st);
	stage_expect(&c, "250 2.1.5");
	end();
}
END_TEST

/* queue says of a file that is being written, that it is stored; and gives another one for it. */
START_TEST(bad_queue)
{
	char *text = large_text();
	begin(strangers, "");
	st.queue_silent = true;
	stage_greet(&c);
	stage_envelope(&c);
	stage_say(&c, "DATA\r\n");
	stage_expect(&c, "354 ");
	stage_say_octets(&c, str_from(text, LARGE));
	ck_assert(stage_until(&st, has_file));
	const struct msg_committed stored = {.cookie = st.open_cookie, .id = 7};
	const struct msg_large_file file = {.cookie = st.open_cookie};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (_i == 0)
		msg_committed_send(st.queue, &stored, NULL);
	else
		msg_large_file_send(st.queue, &file, &null);
	while (!st.queue_gone)
		unit_wait();
	close(null);
	stage_connect_queue(&st);
	stage_say(&c, ".\r\n");
	stage_expect(&c, "451 ");
	free(text);
	end();
}
END_TEST

START_TEST(stale_answers)
{
	begin(strangers, "");
	stage_greet(&c);
	for (uint32_t cookie = 0; cookie < 200; cookie++) {
		st.open_cookie = cookie;
		stage_answer_submission(&st, cookie % 2 == 0 ? 250 : 452, "x");
	}
	stage_envelope(&c);
	send_text(".\r\n");
	stage_expect(&c, "250 2.0.0 Ok: queued as ");
	ck_assert(!st.queue_gone);
	end();
}
END_TEST

/* What an idle connection costs in this process: well under 4 KiB. */
START_TEST(idle_memory)
{
	enum { CLIENTS = 800 };
	static struct stage_client many[CLIENTS];
	begin("", "");
	stage_greet(&c);
	long before = resident_kib(st.pid);
	for (int i = 0; i < CLIENTS; i++) {
		stage_client_open(&st, &many[i], 1);
		stage_greet(&many[i]);
		stage_envelope(&many[i]);
		stage_say(&many[i], "BDAT 3 LAST\r\nx\r\n");
		stage_expect(&many[i], "250 ");
	}
	long after = resident_kib(st.pid);
	printf("%.2f KiB for an idle connection\n", (double)(after - before) / CLIENTS);
#ifndef WITH_SANITIZERS
	ck_assert_int_lt(after - before, CLIENTS * 4);
#endif
	for (int i = 0; i < CLIENTS; i++)
		stage_client_close(&many[i]);
	end();
}
END_TEST

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	TCase *tcase = tcase_create("program");
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, takes_a_message);
	tcase_add_test(tcase, refusals_are_logged);
	tcase_add_test(tcase, asks_once_and_remembers);
	tcase_add_test(tcase, asks_again_when_directory_was_killed);
	tcase_add_test(tcase, client_goes_while_directory_thinks);
	tcase_add_test(tcase, bad_directory);
	tcase_add_test(tcase, sends_again_when_queue_was_killed);
	tcase_add_test(tcase, waits_for_queue_that_is_away);
	tcase_add_test(tcase, hands_on_what_queue_says);
	tcase_add_test(tcase, client_goes_while_queue_writes);
	tcase_add_loop_test(tcase, bad_queue, 0, 2);
	tcase_add_test(tcase, stale_answers);
	tcase_add_test(tcase, takes_a_large_message);
	tcase_add_test(tcase, large_message_and_no_file);
	tcase_add_test(tcase, large_message_and_full_disk);
	tcase_add_test(tcase, queue_dies_with_large_message);
	tcase_add_test(tcase, client_goes_in_large_message);
	tcase_add_test(tcase, many_long_recipients);
	tcase_add_test(tcase, address_limit);
	tcase_add_test(tcase, idle_give_way);
	tcase_add_test(tcase, command_timeout);
	tcase_add_test(tcase, command_trickle);
	tcase_add_test(tcase, data_timeout);
	tcase_add_test(tcase, data_rate);
	tcase_add_test(tcase, last_words_while_the_client_speaks);
	tcase_add_test(tcase, session_timeout);
	tcase_add_test(tcase, client_does_not_read);
	tcase_add_test(tcase, ended_session_hears_why);
	tcase_add_test(tcase, stop);
	tcase_add_test(tcase, stop_waits_for_nobody_long);
	tcase_add_test(tcase, reload);
	tcase_add_test(tcase, idle_memory);
	return unit_run_case("smtpd", tcase);
}
