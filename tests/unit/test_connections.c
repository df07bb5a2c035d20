/* SPDX-License-Identifier: ISC
 *
 * The login worker's clients, over socket pairs, with this test as directory and
 * pop3d-session at the other ends of its channels.
 */
#include "common/loopback.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/msg-pop3d-session.h"
#include "pop3d/connection-internal.h"
#include "pop3d/connections.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WRONG_MS = 4000 };

static struct worker worker;
static struct conf conf;
static const union client here = {
    .in = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f}}; /* 127.0.0.1 */
static const union client afar = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = 0x010200c0}};

static struct channel *directory; /* the test's end */
static struct channel *session;
static struct auth_start asked;
static unsigned aborted;
static char asked_user[64], asked_password[64], asked_client[CLIENT_ADDRESS_MAX + 1], response[64];
static unsigned asked_count;
static int handed_fd = -1;
static uint32_t handed_cookie;
static char handed_pending[256];

static void copy(char *to, struct str s)
{
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static bool on_begin(void *ctx, const struct msg_login_begin *m, int *fds)
{
	(void)ctx;
	(void)fds;
	asked = m->start;
	copy(asked_client, asked.client);
	asked_count++;
	if (m->start.initial.n == 0 || m->start.initial.p[0] != '\0')
		return true;
	struct str rest = str_skip(m->start.initial, 1);
	copy(asked_user, str_head(rest, str_find(rest, '\0')));
	copy(asked_password, str_skip(rest, str_find(rest, '\0') + 1));
	return true;
}

static bool on_response(void *ctx, const struct msg_login_response *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_assert_uint_eq(m->message.cookie, asked.cookie);
	copy(response, m->message.octets);
	return true;
}

static bool on_abort(void *ctx, const struct msg_login_abort *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_assert_uint_eq(m->cancel.cookie, asked.cookie);
	aborted++;
	return true;
}

static bool on_open(void *ctx, const struct msg_session_open *m, int *fds)
{
	(void)ctx;
	handed_fd = fds[0];
	fds[0] = -1;
	handed_cookie = m->cookie;
	copy(handed_pending, m->pending);
	return true;
}

static bool on_outcome(void *ctx, const struct msg_login_outcome *m, int *fds)
{
	struct connection *c = connections_find(m->result.cookie);
	(void)ctx;
	(void)fds;
	if (c != NULL)
		connection_on_outcome(c, &m->result);
	return true;
}

static bool on_challenge(void *ctx, const struct msg_login_challenge *m, int *fds)
{
	struct connection *c = connections_find(m->message.cookie);
	(void)ctx;
	(void)fds;
	if (c != NULL)
		connection_on_challenge(c, m->message.octets);
	return true;
}

static bool on_ended(void *ctx, const struct msg_session_ended *m, int *fds)
{
	struct connection *c = connections_find(m->cookie);
	(void)ctx;
	(void)fds;
	if (c != NULL)
		connection_on_ended(c);
	return true;
}

static const struct pop3d_directory_server_handlers as_directory = {
    .login_begin = on_begin, .login_response = on_response, .login_abort = on_abort};
static const struct pop3d_session_server_handlers as_session = {.session_open = on_open};
static const struct pop3d_directory_client_handlers to_directory = {
    .login_outcome = on_outcome, .login_challenge = on_challenge};
static const struct pop3d_session_client_handlers to_session = {.session_ended = on_ended};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)channel;
	ck_abort_msg("channel closed: %s", why);
}

static void connect_channels(void)
{
	int d[2], s[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, d), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s), 0);
	worker.directory =
	    channel_new(d[0], &pop3d_directory_client, &to_directory, NULL, on_closed);
	directory = channel_new(d[1], &pop3d_directory_server, &as_directory, NULL, on_closed);
	worker.session = channel_new(s[0], &pop3d_session_client, &to_session, NULL, on_closed);
	session = channel_new(s[1], &pop3d_session_server, &as_session, NULL, on_closed);
}

static void setup(void)
{
	static char hostname[] = "mx.example.org";
	signal(SIGPIPE, SIG_IGN);
	conf.hostname = hostname;
	conf.pop3.connections_max = 100;
	conf.pop3.connections_per_address = 100;
	conf.pop3.login_timeout = 60;
	conf.pop3.login_failures_max = 3;
	struct admission_table *table = admission_table_new(1, 100);
	worker.admission = admission_new(0, 1);
	for (unsigned page = 0; page <= 1; page++)
		ck_assert(admission_map(
		    worker.admission, page, dup(admission_table_page(table, page, 0))));
	admission_table_free(table);
	worker.mechanisms = AUTH_PLAIN | AUTH_LOGIN | AUTH_SCRAM_SHA_256;
	connections_init(&worker);
	connect_channels();
}

static int connect_client(const union client *who)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	connections_accept(fds[1], &(union client){.in6 = who->in6}, NULL, &conf);
	unit_settle();
	return fds[0];
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	unit_settle();
}

/* Everything that was said; "<closed>" is added when it is the end. */
static const char *heard(int fd)
{
	static char text[8192];
	size_t n = 0;
	ssize_t got;
	while ((got = read(fd, text + n, sizeof(text) - n - 16)) > 0)
		n += (size_t)got;
	bool closed = got == 0 || errno == ECONNRESET;
	snprintf(text + n, 16, "%s", closed ? "<closed>" : "");
	return text;
}

static void answer(enum login_verdict verdict)
{
	msg_login_outcome_send(directory,
	    &(struct msg_login_outcome){
		.result = {.cookie = asked.cookie,
		    .verdict = (uint8_t)verdict,
		    .delay = verdict == LOGIN_OK ? 0 : WRONG_MS,
		    .login = STR("ann@example.org"),
		    .ticket = verdict == LOGIN_OK ? STR("0123456789abcdef") : STR("")}},
	    NULL);
	unit_settle();
}

/* What is held back, and until when; it comes when the test says so. */
static struct event *held;
static uint64_t held_until;
void __wrap_loop_timer_at(struct event *timer, uint64_t when_ms);
void __wrap_loop_timer_at(struct event *timer, uint64_t when_ms)
{
	held = timer;
	held_until = when_ms;
}

/* As if so many milliseconds had passed. */
static uint64_t ahead;
static void tick_one(struct connection *c)
{
	connection_tick(c, loop_now_ms() + ahead);
}
static void pass_ms(uint64_t ms)
{
	ahead = ms;
	connections_each(tick_one);
	unit_settle();
}

#define GREETING "+OK mx.example.org POP3 server ready\r\n"

START_TEST(login_and_hand_over)
{
	int c = connect_client(&here);
	ck_assert_str_eq(heard(c), GREETING);
	say(c, "USER ann\r\nPASS a secret\r\nSTAT\r\nRE");
	ck_assert_str_eq(heard(c), "+OK send the password\r\n");
	ck_assert_str_eq(asked_user, "ann");
	ck_assert_str_eq(asked_password, "a secret");
	say(c, "TR 1\r\n"); /* while directory thinks: stays in the socket */
	answer(LOGIN_OK);
	ck_assert_str_eq(handed_pending, "STAT\r\nRE");
	ck_assert_uint_eq(admission_count(worker.admission), 1);
	char rest[16];
	ck_assert_int_eq(read(handed_fd, rest, sizeof(rest)), 6);
	ck_assert(memcmp(rest, "TR 1\r\n", 6) == 0);
	ck_assert_str_eq(heard(c), ""); /* the connection is alive, and nobody else reads it */
	say(c, "NOOP\r\n");
	ck_assert_int_eq(read(handed_fd, rest, sizeof(rest)), 6);
	close(handed_fd);
	ck_assert_str_eq(heard(c), "<closed>");
	msg_session_ended_send(session, &(struct msg_session_ended){handed_cookie}, NULL);
	unit_settle();
	ck_assert_uint_eq(admission_count(worker.admission), 0);
	ck_assert_ptr_null(connections_find(handed_cookie));
}
END_TEST

START_TEST(wrong_passwords_are_slow)
{
	int c = connect_client(&here);
	heard(c);
	for (int i = 0; i < 3; i++) {
		uint64_t before = loop_now_ms();
		say(c, "USER ann\r\nPASS x\r\n");
		ck_assert_str_eq(heard(c), "+OK send the password\r\n");
		uint64_t after = loop_now_ms();
		poll(NULL, 0, 3);
		answer(LOGIN_BAD);
		ck_assert_str_eq(heard(c), "");
		pass_ms(WRONG_MS + 1);
		ck_assert_str_eq(heard(c), "");
		/* From the question on. */
		ck_assert_uint_ge(held_until, before + WRONG_MS);
		ck_assert_uint_le(held_until, after + WRONG_MS);
		event_active(held, EV_TIMEOUT, 1);
		unit_settle();
		ck_assert_str_eq(
		    heard(c), i < 2 ? "-ERR [AUTH] wrong user name or password\r\n"
				    : "-ERR [AUTH] wrong user name or password\r\n<closed>");
	}
	ck_assert_uint_eq(asked_count, 3);
	ck_assert_uint_eq(admission_count(worker.admission), 0);
}
END_TEST

/* Its timer goes with it. */
START_TEST(an_answer_that_is_held_back_at_the_end_is_none)
{
	int c = connect_client(&here);
	heard(c);
	say(c, "USER ann\r\nPASS x\r\n");
	heard(c);
	answer(LOGIN_BAD);
	ck_assert_ptr_nonnull(held);
	connections_close_all();
	unit_settle();
	ck_assert_ptr_nonnull(strstr(heard(c), "[SYS/TEMP]"));
	ck_assert_uint_eq(admission_count(worker.admission), 0);
}
END_TEST

START_TEST(directory_fails)
{
	int c = connect_client(&here);
	heard(c);
	say(c, "USER ann\r\nPASS x\r\n");
	heard(c);
	if (_i == 0)
		answer(LOGIN_TEMPORARY);
	else if (_i == 1)
		connections_each(connection_on_directory_lost);
	else
		pass_ms(CONNECTION_CHECK_MS + 1);
	ck_assert_str_eq(
	    heard(c), "-ERR [SYS/TEMP] the password cannot be checked now, try again later\r\n");
	answer(LOGIN_OK); /* too late */
	ck_assert_int_eq(handed_fd, -1);
}
END_TEST

START_TEST(directory_is_away)
{
	struct channel *kept = worker.directory;
	int c = connect_client(&here);
	heard(c);
	worker.directory = NULL;
	say(c, "USER ann\r\nPASS x\r\nUSER ann\r\nPASS y\r\n");
	ck_assert_str_eq(heard(c), "+OK send the password\r\n");
	pass_ms(1);
	ck_assert(strncmp(heard(c), "-ERR [SYS/TEMP]", 15) == 0);
	worker.directory = kept;
}
END_TEST

START_TEST(session_is_away)
{
	struct channel *kept = worker.session;
	int c = connect_client(&here);
	worker.session = NULL;
	say(c, "USER ann\r\nPASS x\r\n");
	heard(c);
	answer(LOGIN_OK);
	ck_assert_int_eq(handed_fd, -1);
	if (_i == 0) {
		worker.session = kept;
		connections_each(connection_on_session_channel);
		unit_settle();
		ck_assert_int_ge(handed_fd, 0);
		ck_assert_str_eq(heard(c), "");
	} else {
		pass_ms(CONNECTION_HAND_MS + 1);
		ck_assert_str_eq(heard(c),
		    "-ERR [SYS/TEMP] mailboxes cannot be opened now, try again later\r\n<closed>");
	}
}
END_TEST

START_TEST(too_long_without_login)
{
	int c = connect_client(&here);
	heard(c);
	pass_ms(conf.pop3.login_timeout * 1000 - 1000);
	ck_assert_str_eq(heard(c), "");
	say(c, "CAP");
	pass_ms(conf.pop3.login_timeout * 1000 + 1);
	ck_assert_str_eq(heard(c), "<closed>");
	ck_assert_uint_eq(admission_count(worker.admission), 0);
}
END_TEST

static void begin_handshake(struct connection *c)
{
	connection_enter(c, CONNECTION_TLS);
}

/* However long the log-in as a whole may take. */
START_TEST(a_handshake_has_a_minute)
{
	conf.pop3.login_timeout = 3600;
	int c = connect_client(&here);
	ck_assert_str_eq(heard(c), GREETING);
	connections_each(begin_handshake);
	pass_ms(59 * 1000);
	ck_assert_str_eq(heard(c), "");
	pass_ms(60 * 1000 + 1);
	ck_assert_str_eq(heard(c), "<closed>");
	ck_assert_uint_eq(admission_count(worker.admission), 0);
}
END_TEST

START_TEST(passwords_from_afar)
{
	conf.pop3.plaintext_login = _i == 1;
	int c = connect_client(&afar);
	heard(c);
	say(c, "USER ann\r\n");
	ck_assert(strncmp(heard(c), _i == 1 ? "+OK" : "-ERR", 3) == 0);
}
END_TEST

START_TEST(longest_idle_gives_way)
{
	conf.pop3.connections_max = 3;
	int first = connect_client(&here), second = connect_client(&here);
	int third = connect_client(&here);
	say(first, "USER ann\r\nPASS x\r\n"); /* waits for directory: is not idle */
	int fourth = connect_client(&here);
	ck_assert_ptr_nonnull(
	    strstr(heard(second), "too many connections, try again later\r\n<closed>"));
	ck_assert_str_eq(heard(third), GREETING);
	ck_assert_str_eq(heard(fourth), GREETING);
	ck_assert_uint_eq(admission_count(worker.admission), 3);
	int fifth = connect_client(&here);
	ck_assert_ptr_nonnull(strstr(heard(third), "<closed>"));
	ck_assert_str_eq(heard(fifth), GREETING);
}
END_TEST

START_TEST(nobody_can_give_way)
{
	conf.pop3.connections_max = 1;
	int first = connect_client(&here);
	say(first, "USER ann\r\nPASS x\r\n");
	int second = connect_client(&here);
	ck_assert_str_eq(
	    heard(second), "-ERR [SYS/TEMP] too many connections, try again later\r\n<closed>");
	answer(LOGIN_OK);
	int third = connect_client(&here);
	ck_assert_ptr_nonnull(strstr(heard(third), "too many connections"));
	ck_assert_uint_eq(admission_count(worker.admission), 1);
}
END_TEST

START_TEST(per_address)
{
	conf.pop3.connections_per_address = 2;
	connect_client(&here);
	int second = connect_client(&here);
	int third = connect_client(&here);
	ck_assert_str_eq(
	    heard(third), "-ERR [SYS/TEMP] too many connections from your address\r\n<closed>");
	ck_assert_str_eq(heard(connect_client(&afar)), GREETING);
	close(second);
	unit_settle();
	ck_assert_str_eq(heard(connect_client(&here)), GREETING);
}
END_TEST

/* By a socket for both families it is the same client, of the same networks. */
START_TEST(a_mapped_address)
{
	union client mapped = {.in6 = {.sin6_family = AF_INET6}};
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.in6.sin6_addr), 1);
	int c = connect_client(&mapped);
	heard(c);
	/* It may log in in clear, too. */
	say(c, "USER ann\r\nPASS secret\r\n");
	ck_assert_str_eq(heard(c), "+OK send the password\r\n");
	ck_assert_str_eq(asked_client, "[127.0.0.1]");
}
END_TEST

START_TEST(http)
{
	int c = connect_client(&here);
	heard(c);
	say(c, "GET / HTTP/1.1\r\n\r\n");
	ck_assert_str_eq(heard(c), "<closed>");
}
END_TEST

START_TEST(quit)
{
	int c = connect_client(&here);
	heard(c);
	say(c, "QUIT\r\nUSER ann\r\n");
	ck_assert_str_eq(heard(c), "+OK bye\r\n<closed>");
}
END_TEST

START_TEST(addresses)
{
	char text[CLIENT_ADDRESS_MAX];
	union client six = {.in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
	ck_assert(str_eq(client_format(&here, text), STR("[127.0.0.1]")));
	ck_assert(str_eq(client_format(&six, text), STR("[IPv6:::1]")));
	ck_assert(loopback_is_address(&here.any) && loopback_is_address(&six.any) &&
		  !loopback_is_address(&afar.any));
}
END_TEST

int main(void)
{
	log_init("test", "localhost", LOG_SINK_STDERR, LOG_FORMAT_LINE, false);
	TCase *t = tcase_create("connections");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, login_and_hand_over);
	tcase_add_test(t, wrong_passwords_are_slow);
	tcase_add_test(t, an_answer_that_is_held_back_at_the_end_is_none);
	tcase_add_loop_test(t, directory_fails, 0, 3);
	tcase_add_test(t, directory_is_away);
	tcase_add_loop_test(t, session_is_away, 0, 2);
	tcase_add_test(t, too_long_without_login);
	tcase_add_test(t, a_handshake_has_a_minute);
	tcase_add_loop_test(t, passwords_from_afar, 0, 2);
	tcase_add_test(t, longest_idle_gives_way);
	tcase_add_test(t, nobody_can_give_way);
	tcase_add_test(t, per_address);
	tcase_add_test(t, a_mapped_address);
	tcase_add_test(t, http);
	tcase_add_test(t, quit);
	tcase_add_test(t, addresses);
	return unit_run_case("connections", t);
}
