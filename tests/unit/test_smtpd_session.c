/* SPDX-License-Identifier: ISC
 *
 * From which clients a session takes a password, with this test as directory: sessions of this
 * process over socket pairs, as nobody gets to loopback from another machine.
 */
#include "common/log.h"
#include "common/loop.h"
#include "common/msg-smtpd-directory.h"
#include "common/tls-stream.h"
#include "smtpd/session-internal.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "\0ann\0secret" */
#define LOGIN "AUTH PLAIN AGFubgBzZWNyZXQ=\r\n"

static struct channel *directory; /* the test's end */
static unsigned asked;
static char asked_client[CLIENT_ADDRESS_MAX + 1];

static bool on_begin(void *ctx, const struct msg_auth_begin *m, int *fds)
{
	const struct msg_auth_outcome ok = {
	    .result = {.cookie = m->start.cookie, .verdict = LOGIN_OK, .login = STR("ann")}};
	(void)ctx;
	(void)fds;
	asked++;
	memcpy(asked_client, m->start.client.p, m->start.client.n);
	asked_client[m->start.client.n] = '\0';
	msg_auth_outcome_send(directory, &ok, NULL);
	return true;
}

static const struct smtpd_directory_server_handlers handlers = {.auth_begin = on_begin};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)channel;
	ck_abort_msg("channel closed: %s", why);
}

static void setup(void)
{
	int fds[2];
	const struct msg_auth_offer offer = {.mechanisms = AUTH_PLAIN | AUTH_LOGIN};
	signal(SIGPIPE, SIG_IGN);
	session_setup();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	directory_client_connect(fds[0]);
	directory = channel_new(fds[1], &smtpd_directory_server, &handlers, NULL, on_closed);
	msg_auth_offer_send(directory, &offer, NULL);
	unit_settle();
}

static union client_address address(const char *text)
{
	union client_address a = {.any = {.sa_family = AF_INET6}};
	if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
		return a;
	a = (union client_address){.in = {.sin_family = AF_INET}};
	ck_assert_int_eq(inet_pton(AF_INET, text, &a.in.sin_addr), 1);
	return a;
}

/* The other end of a session's socket. */
static int connect_client(const char *from, const struct session_way *way, bool plaintext_login)
{
	static char hostname[] = "mx.example.org";
	struct conf conf = {.hostname = hostname,
	    .workers = 1,
	    .smtp = {.command_timeout = 300,
		.data_timeout = 300,
		.session_timeout = 3600,
		.message_max = 1 << 20,
		.bad_commands_max = 10,
		.commands_per_minute = 1000,
		.messages_per_session = 100,
		.login_failures_max = 3,
		.plaintext_login = plaintext_login}};
	union client_address client = address(from);
	struct policy *policy = policy_new(&conf);
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	session_start(fds[1], &client, way, false, policy);
	policy_release(policy);
	unit_settle();
	return fds[0];
}

/* All that is answered to it. */
static const char *say(int fd, const char *text)
{
	static char heard[4096];
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	unit_settle();
	ssize_t n = read(fd, heard, sizeof(heard) - 1);
	heard[n > 0 ? n : 0] = '\0';
	return heard;
}

static const struct {
	const char *from, *client;
	bool near;
} clients[] = {
    {"127.0.0.1", "[127.0.0.1]", true},
    {"127.255.0.9", "[127.255.0.9]", true},
    {"::1", "[IPv6:::1]", true},
    {"192.0.2.1", "[192.0.2.1]", false},
    {"128.0.0.1", "[128.0.0.1]", false},
    {"10.0.0.1", "[10.0.0.1]", false},
    {"2001:db8::1", "[IPv6:2001:db8::1]", false},
    {"fe80::1", "[IPv6:fe80::1]", false},
    {"::2", "[IPv6:::2]", false},
};
enum { CLIENTS = sizeof(clients) / sizeof(clients[0]) };

static const struct session_way ways[] = {
    {.protocol = CONF_SMTP, .auth = CONF_AUTH_OFFERED},
    {.protocol = CONF_SMTP, .auth = CONF_AUTH_REQUIRED},
    {.protocol = CONF_SUBMISSION, .auth = CONF_AUTH_REQUIRED},
    {.protocol = CONF_SUBMISSION, .auth = CONF_AUTH_REQUIRED, .tls = CONF_TLS_STARTTLS},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static void check_refused(int fd)
{
	ck_assert_ptr_null(strstr(say(fd, "EHLO x.example\r\n"), "AUTH"));
	ck_assert_str_eq(say(fd, LOGIN), "538 5.7.11 Encryption required for authentication\r\n");
	ck_assert_str_eq(
	    say(fd, "AUTH LOGIN\r\n"), "538 5.7.11 Encryption required for authentication\r\n");
	ck_assert_uint_eq(asked, 0);
}

static void check_taken(int fd, const char *client)
{
	ck_assert_ptr_nonnull(strstr(say(fd, "EHLO x.example\r\n"), "AUTH PLAIN LOGIN\r\n"));
	ck_assert_str_eq(say(fd, LOGIN), "235 2.7.0 Authentication successful\r\n");
	ck_assert_uint_eq(asked, 1);
	ck_assert_str_eq(asked_client, client);
}

/* Without TLS from this machine only, or from where the operator says. */
START_TEST(passwords_in_clear)
{
	for (unsigned way = 0; way < WAYS; way++)
		for (unsigned from_afar = 0; from_afar < 2; from_afar++) {
			int fd = connect_client(clients[_i].from, &ways[way], from_afar);
			asked = 0;
			say(fd, "NOOP\r\n");
			if (clients[_i].near || from_afar)
				check_taken(fd, clients[_i].client);
			else
				check_refused(fd);
			close(fd);
			unit_settle();
		}
}
END_TEST

/* Where TLS is required, from nowhere, whatever else is said. */
START_TEST(passwords_where_tls_is_required)
{
	const struct session_way way = {
	    .protocol = CONF_SUBMISSION, .auth = CONF_AUTH_REQUIRED, .tls = CONF_TLS_REQUIRED};
	int fd = connect_client(clients[_i].from, &way, true);
	say(fd, "NOOP\r\n");
	ck_assert_ptr_null(strstr(say(fd, "EHLO x.example\r\n"), "AUTH"));
	ck_assert(strncmp(say(fd, LOGIN), "235", 3) != 0);
	ck_assert_uint_eq(asked, 0);
	close(fd);
	unit_settle();
}
END_TEST

int main(void)
{
	log_init("test", "localhost", LOG_SINK_STDERR, LOG_FORMAT_LINE, false);
	TCase *t = tcase_create("sessions");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, passwords_in_clear, 0, CLIENTS);
	tcase_add_loop_test(t, passwords_where_tls_is_required, 0, CLIENTS);
	return unit_run_case("smtpd sessions", t);
}
