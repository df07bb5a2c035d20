/* SPDX-License-Identifier: ISC
 *
 * directory asked over a real socket whether users may send, with the test as smtpd.
 */
#include "common/log.h"
#include "common/msg-queue-directory.h"
#include "common/msg-smtpd-directory.h"
#include "directory/login-mark.h"
#include "directory/server.h"
#include "directory/telling.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static char *dir;
static struct conf conf;
static struct conf_network own = {AF_INET, {198, 51, 100, 0}, 24};
static struct channel *smtpd;
static struct conf_network webmail = {AF_INET, {203, 0, 113, 5}, 32};
static unsigned answers, closed;
static uint32_t cookie;
static uint8_t verdict;

static bool on_sender_answer(void *ctx, const struct msg_sender_answer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	answers++;
	cookie = m->cookie;
	verdict = m->verdict;
	return true;
}

static bool on_rcpt_answer(void *ctx, const struct msg_rcpt_answer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_abort_msg("an answer to a recipient: %u", m->cookie);
}

static bool on_generation(void *ctx, const struct msg_directory_generation *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static bool on_offer(void *ctx, const struct msg_auth_offer *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct smtpd_directory_client_handlers handlers = {
    .rcpt_answer = on_rcpt_answer,
    .sender_answer = on_sender_answer,
    .directory_generation = on_generation,
    .auth_offer = on_offer,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)channel;
	(void)why;
	closed++;
}

static uint64_t mark; /* of the login; 0 unless a test sets it */

static uint8_t ask(
    const char *login, const char *client, unsigned recipients, const char *a, const char *b)
{
	struct sender_address list[2] = {{str_from_cstr(a)}, {str_from_cstr(b)}};
	const struct msg_sender_query m = {.cookie = 5,
	    .recipients = recipients,
	    .login = str_from_cstr(login),
	    .mark = mark,
	    .client = str_from_cstr(client),
	    .addresses = list,
	    .addresses_count = (size_t)(a != NULL) + (b != NULL)};
	unsigned before = answers;
	ck_assert(msg_sender_query_send(smtpd, &m, NULL));
	while (answers == before && closed == 0)
		unit_wait();
	ck_assert_uint_eq(closed, 0);
	ck_assert_uint_eq(cookie, 5);
	return verdict;
}

/* ---- the test as queue -------------------------------------------------------------- */

static struct channel *queue;
static unsigned said;
static struct msg_limit_passed last;
static char last_login[LOGIN_MAX + 1];
static uint8_t last_network[16];

static bool on_limit_passed(void *ctx, const struct msg_limit_passed *m, int *fds)
{
	(void)ctx;
	(void)fds;
	said++;
	last = *m;
	snprintf(last_login, sizeof(last_login), "%.*s", STR_ARG(m->login));
	memcpy(last_network, m->network.p, m->network.n);
	return true;
}

static bool on_routes(void *ctx, const struct msg_routes_changed *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct queue_directory_client_handlers queue_handlers = {
    .limit_passed = on_limit_passed, .routes_changed = on_routes};

static void connect_queue(void)
{
	int pair[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_peer(EDGE_queue_directory, 0, pair[0]);
	queue = channel_new(pair[1], &queue_directory_client, &queue_handlers, NULL, on_closed);
}

static void tell(uint64_t token, uint8_t told)
{
	const struct msg_limit_told m = {.token = token, .told = told};
	msg_limit_told_send(queue, &m, NULL);
	unit_settle();
}

static void disconnect_queue(void)
{
	channel_free(queue);
	queue = NULL;
	unit_settle();
}

static void setup(void)
{
	int pair[2];
	mark = 0;
	dir = fixture_directory();
	fixture_write(dir, "domains", "example.org\n");
	fixture_write(dir, "users", "ann@example.org:*\nbob@example.org:*\n");
	fixture_write(dir, "aliases", "sales@example.org: ann\n");
	fixture_write(dir, "senders", "bob@example.org press@example.org\n");
	ck_assert_int_eq(fixture_build(dir), 0);
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	conf = (struct conf){.tables = dir,
	    .workers = 1,
	    .networks = {&own, 1},
	    .recipient_delimiter = (char *)(uintptr_t) "+",
	    .submission = {.recipients_per_hour = 10,
		.recipients_per_day = 100,
		.address_recipients_per_hour = 20,
		.network_recipients_per_hour = 30}};
	server_start(&conf, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_peer(EDGE_smtpd_directory, 0, pair[0]);
	smtpd = channel_new(pair[1], &smtpd_directory_client, &handlers, NULL, on_closed);
}

static void teardown(void)
{
	channel_free(smtpd);
	channel_free(queue);
	server_end();
	fixture_remove(dir);
}

START_TEST(whose)
{
	const char *ann = "ann@example.org", *c = "[192.0.2.1]";
	ck_assert_int_eq(ask(ann, c, 0, "ann@example.org", NULL), SENDER_OK);
	ck_assert_int_eq(ask(ann, c, 0, "ann+x@example.org", "sales@example.org"), SENDER_OK);
	ck_assert_int_eq(ask(ann, c, 0, "ann@example.org", "bob@example.org"), SENDER_NOT_OWNED);
	ck_assert_int_eq(ask("bob@example.org", c, 0, "press@example.org", NULL), SENDER_OK);
	ck_assert_int_eq(ask(ann, c, 0, "press@example.org", NULL), SENDER_NOT_OWNED);
	ck_assert_int_eq(ask("", c, 0, "ann@example.org", NULL), SENDER_NOT_OWNED);
	ck_assert_int_eq(ask("no address", c, 0, "ann@example.org", NULL), SENDER_NOT_OWNED);
}
END_TEST

/* Its password was changed, or the user is gone: whatever is asked, and nothing of it counts. */
START_TEST(a_login_that_is_good_no_more)
{
	const char *ann = "ann@example.org", *c = "[192.0.2.1]";
	const uint64_t good = login_mark(STR("ann@example.org"), STR("*"));
	mark = good;
	ck_assert_int_eq(ask(ann, c, 0, ann, NULL), SENDER_OK);
	ck_assert_int_eq(ask("bob@example.org", c, 0, "bob@example.org", NULL), SENDER_REVOKED);
	ck_assert_int_eq(ask("gone@example.org", c, 0, "gone@example.org", NULL), SENDER_REVOKED);
	ck_assert_int_eq(ask("", c, 1, NULL, NULL), SENDER_OK);
	mark = login_mark(STR("ann@example.org"), STR("$y$another"));
	ck_assert_int_eq(ask(ann, c, 0, ann, NULL), SENDER_REVOKED);
	ck_assert_int_eq(ask(ann, c, 0, "bob@example.org", NULL), SENDER_REVOKED);
	ck_assert_int_eq(ask(ann, c, 10, NULL, NULL), SENDER_REVOKED);
	mark = good;
	ck_assert_int_eq(ask(ann, c, 10, NULL, NULL), SENDER_OK);
}
END_TEST

/* Only what is let through counts, and questions of MAIL do not. */
START_TEST(of_a_user)
{
	const char *ann = "ann@example.org", *c = "[192.0.2.1]";
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(ask(ann, c, 0, "ann@example.org", NULL), SENDER_OK);
	ck_assert_int_eq(ask(ann, c, 8, "bob@example.org", NULL), SENDER_NOT_OWNED);
	ck_assert_int_eq(ask(ann, c, 8, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask(ann, c, 3, NULL, NULL), SENDER_LIMIT);
	ck_assert_int_eq(ask(ann, c, 2, "ann@example.org", NULL), SENDER_OK);
	ck_assert_int_eq(ask(ann, c, 1, "ann@example.org", NULL), SENDER_LIMIT);
	ck_assert_int_eq(ask("bob@example.org", c, 10, NULL, NULL), SENDER_OK);
}
END_TEST

START_TEST(of_an_address_and_its_network)
{
	ck_assert_int_eq(ask("", "[192.0.2.1]", 20, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("", "[192.0.2.1]", 1, NULL, NULL), SENDER_LIMIT);
	ck_assert_int_eq(ask("", "[192.0.2.2]", 11, NULL, NULL), SENDER_LIMIT);
	ck_assert_int_eq(ask("", "[192.0.2.2]", 10, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("", "[192.0.2.3]", 1, NULL, NULL), SENDER_LIMIT);
	ck_assert_int_eq(ask("", "[192.0.3.1]", 20, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("", "[IPv6:2001:db8::1]", 20, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("", "[IPv6:2001:db8::2]", 10, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("", "[IPv6:2001:db8::3]", 1, NULL, NULL), SENDER_LIMIT);
	ck_assert_int_eq(ask("", "[IPv6:2001:db8:0:1::3]", 1, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("", "[198.51.100.7]", 1000, NULL, NULL), SENDER_OK); /* our own */
	ck_assert_int_eq(ask("", "local uid 1000", 1000, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("", "[IPv6:", 1000, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("", "", 1000, NULL, NULL), SENDER_OK);
}
END_TEST

START_TEST(what_is_over_is_held)
{
	conf.submission.over_limit_hold = true;
	server_reload(&conf);
	ck_assert_int_eq(ask("ann@example.org", "[192.0.2.1]", 11, NULL, NULL), SENDER_HOLD);
	ck_assert_int_eq(ask("ann@example.org", "[192.0.2.1]", 1, NULL, NULL), SENDER_HOLD);
	ck_assert_int_eq(
	    ask("ann@example.org", "[192.0.2.1]", 1, "bob@example.org", NULL), SENDER_NOT_OWNED);
}
END_TEST

START_TEST(behind_a_front_end)
{
	conf.auth.front_ends = (struct conf_networks){&webmail, 1};
	server_reload(&conf);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(ask("ann@example.org", "[203.0.113.5]", 2, NULL, NULL), SENDER_OK);
		ck_assert_int_eq(ask("bob@example.org", "[203.0.113.5]", 2, NULL, NULL), SENDER_OK);
		ck_assert_int_eq(ask("", "[203.0.113.5]", 30, NULL, NULL), SENDER_OK);
	}
	ck_assert_int_eq(ask("ann@example.org", "[203.0.113.5]", 1, NULL, NULL), SENDER_LIMIT);
	ck_assert_int_eq(ask("", "[203.0.113.6]", 21, NULL, NULL), SENDER_LIMIT);
}
END_TEST

/* Queue is told when it is there, of one after the other, until it has told. */
START_TEST(the_operator_is_told)
{
	ck_assert_int_eq(ask("ann@example.org", "[192.0.2.1]", 10, NULL, NULL), SENDER_OK);
	ck_assert_int_eq(ask("ann@example.org", "[192.0.2.1]", 1, NULL, NULL), SENDER_LIMIT);
	connect_queue();
	unit_settle();
	ck_assert_uint_eq(said, 1);
	ck_assert_int_eq(last.kind, LIMIT_LOGIN);
	ck_assert_str_eq(last_login, "ann@example.org");
	ck_assert_uint_eq(last.limit, 10);
	ck_assert_uint_eq(last.recipients, 11);
	ck_assert_uint_eq(last.day, 0);
	ck_assert_uint_eq(last.held, 0);
	ck_assert_uint_eq(last.clients_count, 1);
	uint64_t token = last.token;
	ck_assert_int_eq(ask("ann@example.org", "[192.0.2.1]", 1, NULL, NULL), SENDER_LIMIT);
	ck_assert_int_eq(ask("", "[203.0.113.9]", 21, NULL, NULL), SENDER_LIMIT);
	unit_settle();
	ck_assert_uint_eq(said, 1);
	disconnect_queue(); /* it died without a word */
	connect_queue();
	unit_settle();
	ck_assert_uint_eq(said, 2);
	ck_assert_uint_eq(last.token, token);
	tell(token, 1);
	ck_assert_uint_eq(said, 3);
	ck_assert_int_eq(last.kind, LIMIT_ADDRESS);
	ck_assert_uint_eq(last.limit, 20);
	ck_assert_uint_eq(last_network[3], 9);
	tell(last.token, 1);
	disconnect_queue();
	connect_queue();
	unit_settle();
	ck_assert_uint_eq(said, 3);
	ck_assert_uint_eq(closed, 0);
}
END_TEST

START_TEST(queue_cannot_tell_now)
{
	connect_queue();
	ck_assert_int_eq(ask("ann@example.org", "[192.0.2.1]", 11, NULL, NULL), SENDER_LIMIT);
	unit_settle();
	ck_assert_uint_eq(said, 1);
	tell(last.token, 0);
	ck_assert_uint_eq(said, 1); /* a minute later */
	disconnect_queue();
	connect_queue();
	unit_settle();
	ck_assert_uint_eq(said, 2);
}
END_TEST

START_TEST(queue_tells_of_nobody)
{
	connect_queue();
	unit_settle();
	tell(7, 1);
	ck_assert_uint_eq(closed, 1);
}
END_TEST

/* Of a notice that is under way: another's number, or an answer that is none. */
START_TEST(queue_says_what_cannot_be)
{
	connect_queue();
	ck_assert_int_eq(ask("ann@example.org", "[192.0.2.1]", 11, NULL, NULL), SENDER_LIMIT);
	unit_settle();
	ck_assert_uint_eq(said, 1);
	if (_i == 0)
		tell(last.token + 1, 1);
	else
		tell(last.token, 2);
	ck_assert_uint_eq(closed, 1);
}
END_TEST

START_TEST(many_in_an_hour)
{
	char login[32];
	connect_queue();
	for (unsigned i = 0; i < TELLINGS_PER_HOUR + 5; i++) {
		snprintf(login, sizeof(login), "u%u@example.org", i);
		ck_assert_int_eq(ask(login, "[198.51.100.1]", 11, NULL, NULL), SENDER_LIMIT);
		unit_settle();
		ck_assert_uint_eq(said, i < TELLINGS_PER_HOUR ? i + 1 : TELLINGS_PER_HOUR);
		if (i < TELLINGS_PER_HOUR)
			tell(last.token, 1);
	}
	ck_assert_uint_eq(closed, 0);
}
END_TEST

START_TEST(no_tables)
{
	server_end();
	char *other = fixture_directory();
	server_start(&conf, open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	channel_free(smtpd);
	int pair[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_peer(EDGE_smtpd_directory, 0, pair[0]);
	smtpd = channel_new(pair[1], &smtpd_directory_client, &handlers, NULL, on_closed);
	ck_assert_int_eq(
	    ask("ann@example.org", "[192.0.2.1]", 0, "ann@example.org", NULL), SENDER_TEMPORARY);
	mark = 1;
	ck_assert_int_eq(ask("ann@example.org", "[192.0.2.1]", 1, NULL, NULL), SENDER_TEMPORARY);
	fixture_remove(other);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("sender");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, whose);
	tcase_add_test(c, a_login_that_is_good_no_more);
	tcase_add_test(c, of_a_user);
	tcase_add_test(c, of_an_address_and_its_network);
	tcase_add_test(c, what_is_over_is_held);
	tcase_add_test(c, behind_a_front_end);
	tcase_add_test(c, the_operator_is_told);
	tcase_add_test(c, queue_cannot_tell_now);
	tcase_add_test(c, queue_tells_of_nobody);
	tcase_add_loop_test(c, queue_says_what_cannot_be, 0, 2);
	tcase_add_test(c, many_in_an_hour);
	tcase_add_test(c, no_tables);
	return unit_run_case("sender", c);
}
