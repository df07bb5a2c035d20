/* SPDX-License-Identifier: ISC
 *
 * directory with users of the machine, over real sockets: `users` and pam-check are
 * played here. Questions wait for what must be known first, and logins say nothing that PAM
 * does not.
 */
#include "common/log.h"
#include "common/loop.h"
#include "common/msg-directory-pam.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-users.h"
#include "directory/server.h"
#include "tests/unit/directory-fixture.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static char *dir;
static struct conf conf;
static struct channel *smtpd, *pop3d, *session, *users, *pam;
static struct {
	unsigned rcpts, logins, asked, pams, grants;
	uint8_t rcpt, login;
	char targets[512], asked_name[USER_NAME_MAX + 1], pam_user[USER_NAME_MAX + 1];
	char password[64], client[CLIENT_ADDRESS_MAX + 1], granted[ADDRESS_MAX + 1];
	uint32_t pam_cookie, uid;
} seen;

static void copy(char *to, size_t size, struct str s)
{
	ck_assert_uint_lt(s.n, size);
	snprintf(to, size, "%.*s", STR_ARG(s));
}

static bool on_rcpt_answer(void *ctx, const struct msg_rcpt_answer *m, int *fds)
{
	size_t n = 0;
	(void)ctx;
	(void)fds;
	seen.rcpts++;
	seen.rcpt = m->verdict;
	seen.targets[0] = '\0';
	for (size_t i = 0; i < m->targets_count; i++)
		n += (size_t)snprintf(seen.targets + n, sizeof(seen.targets) - n, "%s%.*s",
		    i > 0 ? " " : "", STR_ARG(m->targets[i].address));
	return true;
}

static bool on_generation(void *ctx, const struct msg_directory_generation *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static bool on_login_answer(void *ctx, const struct msg_login_answer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.logins++;
	seen.login = m->verdict;
	return true;
}

static bool on_grant(void *ctx, const struct msg_session_grant *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.grants++;
	seen.uid = m->uid;
	copy(seen.granted, sizeof(seen.granted), m->address);
	return true;
}

static bool on_user_query(void *ctx, const struct msg_user_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.asked++;
	copy(seen.asked_name, sizeof(seen.asked_name), m->name);
	return true;
}

static bool on_pam_query(void *ctx, const struct msg_pam_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.pams++;
	seen.pam_cookie = m->cookie;
	copy(seen.pam_user, sizeof(seen.pam_user), m->user);
	copy(seen.password, sizeof(seen.password), m->password);
	copy(seen.client, sizeof(seen.client), m->client);
	return true;
}

static const struct smtpd_directory_client_handlers smtpd_handlers = {
    .rcpt_answer = on_rcpt_answer, .directory_generation = on_generation};
static const struct pop3d_directory_client_handlers pop3d_handlers = {
    .login_answer = on_login_answer};
static const struct directory_session_server_handlers session_handlers = {
    .session_grant = on_grant};
static const struct users_server_handlers users_handlers = {.user_query = on_user_query};
static const struct directory_pam_server_handlers pam_handlers = {.pam_query = on_pam_query};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct channel **slot = ctx;
	(void)why;
	channel_free(channel);
	*slot = NULL;
}

static void settle(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(loop_base(), EVLOOP_NONBLOCK);
}

static void join(
    struct channel **slot, enum edge_id edge, const struct edge_side *side, const void *handlers)
{
	int pair[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_peer(edge, 0, pair[0]);
	*slot = channel_new(pair[1], side, handlers, slot, on_closed);
}

static void setup(void)
{
	static char *domains[] = {(char *)(uintptr_t) "host.example"};
	memset(&seen, 0, sizeof(seen));
	dir = fixture_directory();
	conf = (struct conf){.tables = dir,
	    .workers = 2,
	    .recipient_delimiter = (char *)(uintptr_t) "+",
	    .system = {.domains = {domains, 1}, .uid_min = 1000, .uid_max = 60000, .pam = true}};
	fixture_write(dir, "domains", "example.org\n");
	fixture_write(dir, "users", "virtual@example.org:*\n");
	fixture_write(
	    dir, "aliases", "both@example.org: ann@host.example, bob@host.example, virtual\n");
	ck_assert_int_eq(fixture_build(dir), 0);
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	server_start(&conf, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	join(&smtpd, EDGE_smtpd_directory, &smtpd_directory_client, &smtpd_handlers);
	join(&pop3d, EDGE_pop3d_directory, &pop3d_directory_client, &pop3d_handlers);
	join(&session, EDGE_directory_session, &directory_session_server, &session_handlers);
	join(&users, EDGE_directory_users, &users_server, &users_handlers);
	join(&pam, EDGE_directory_pam, &directory_pam_server, &pam_handlers);
	settle();
}

static void teardown(void)
{
	server_end();
	fixture_remove(dir);
}

static void ask(const char *address)
{
	msg_rcpt_query_send(
	    smtpd, &(struct msg_rcpt_query){.cookie = 7, .address = str_from_cstr(address)}, NULL);
	settle();
}

static void say(const char *name, enum user_verdict verdict, uint32_t uid)
{
	const struct msg_user_answer m = {str_from_cstr(name), (uint8_t)verdict, uid};
	msg_user_answer_send(users, &m, NULL);
	settle();
}

static const struct {
	enum user_verdict verdict;
	enum rcpt_verdict answer;
	const char *targets;
} rcpts[] = {{USER_FOUND, RCPT_LOCAL, "ann@host.example"}, {USER_NONE, RCPT_NO_MAILBOX, ""},
    {USER_BELOW, RCPT_NO_MAILBOX, ""}, {USER_FAILED, RCPT_TEMPORARY, ""}};

START_TEST(a_recipient_waits_until_the_user_is_known)
{
	ask("Ann@Host.example");
	ck_assert_str_eq(seen.asked_name, "ann");
	ck_assert_uint_eq(seen.rcpts, 0);
	say("ann", rcpts[_i].verdict, 4001);
	ck_assert_uint_eq(seen.rcpts, 1);
	ck_assert_int_eq(seen.rcpt, rcpts[_i].answer);
	ck_assert_str_eq(seen.targets, rcpts[_i].targets);
	/* It is known now. */
	ask("ann@host.example");
	ck_assert_uint_eq(seen.rcpts, 2);
	ck_assert_uint_eq(seen.asked, 1);
}
END_TEST

START_TEST(an_address_extension)
{
	ask("ann+lists@host.example");
	/* "ann+lists" cannot be a user, so it is not even asked. */
	ck_assert_str_eq(seen.asked_name, "ann");
	say("ann", USER_FOUND, 4001);
	ck_assert_str_eq(seen.targets, "ann@host.example");
}
END_TEST

START_TEST(an_alias_of_several_users)
{
	ask("both@example.org");
	ck_assert_str_eq(seen.asked_name, "ann");
	say("ann", USER_FOUND, 4001);
	ck_assert_uint_eq(seen.rcpts, 0);
	ck_assert_str_eq(seen.asked_name, "bob");
	say("bob", USER_FOUND, 4002);
	ck_assert_uint_eq(seen.rcpts, 1);
	ck_assert_str_eq(seen.targets, "ann@host.example bob@host.example virtual@example.org");
}
END_TEST

START_TEST(other_domains_wait_for_nobody)
{
	ask("virtual@example.org");
	ck_assert_int_eq(seen.rcpt, RCPT_LOCAL);
	ask("ann@example.org");
	ck_assert_int_eq(seen.rcpt, RCPT_NO_MAILBOX);
	ck_assert_uint_eq(seen.asked, 0);
}
END_TEST

START_TEST(who_asked_may_be_gone)
{
	ask("ann@host.example");
	channel_free(smtpd);
	settle();
	say("ann", USER_FOUND, 4001);
	ck_assert_uint_eq(seen.rcpts, 0);
}
END_TEST

START_TEST(users_that_are_not_there)
{
	channel_free(users);
	settle();
	ask("ann@host.example");
	ck_assert_int_eq(seen.rcpt, RCPT_TEMPORARY);
}
END_TEST

static void log_in(const char *user, const char *password)
{
	const struct msg_login_query m = {.cookie = 9,
	    .user = str_from_cstr(user),
	    .password = str_from_cstr(password),
	    .client = STR("[192.0.2.1]"),
	    .session = STR("s1")};
	msg_login_query_send(pop3d, &m, NULL);
	settle();
}

static void pam_says(enum pam_verdict verdict)
{
	const struct msg_pam_answer m = {seen.pam_cookie, (uint8_t)verdict};
	msg_pam_answer_send(pam, &m, NULL);
	settle();
}

static const struct {
	enum user_verdict user;
	enum pam_verdict pam;
	enum login_verdict answer;
} logins[] = {{USER_FOUND, PAM_RIGHT, LOGIN_OK}, {USER_FOUND, PAM_WRONG, LOGIN_BAD},
    {USER_FOUND, PAM_EXPIRED, LOGIN_BAD}, {USER_FOUND, PAM_LATER, LOGIN_TEMPORARY},
    {USER_NONE, PAM_WRONG, LOGIN_BAD}, {USER_NONE, PAM_LATER, LOGIN_TEMPORARY},
    /* Whatever PAM thinks of it. */
    {USER_NONE, PAM_RIGHT, LOGIN_BAD}, {USER_BELOW, PAM_RIGHT, LOGIN_BAD},
    {USER_BELOW, PAM_EXPIRED, LOGIN_BAD}};

START_TEST(a_login)
{
	log_in("Ann@host.example", "secret");
	ck_assert_uint_eq(seen.pams, 0);
	say("ann", logins[_i].user, logins[_i].user == USER_FOUND ? 4001 : 0);
	ck_assert_uint_eq(seen.pams, 1);
	ck_assert_str_eq(seen.pam_user, logins[_i].user == USER_BELOW ? "postern!nobody" : "ann");
	ck_assert_str_eq(seen.password, "secret");
	ck_assert_str_eq(seen.client, "[192.0.2.1]");
	ck_assert_uint_eq(seen.logins, 0);
	pam_says(logins[_i].pam);
	ck_assert_uint_eq(seen.logins, 1);
	ck_assert_int_eq(seen.login, logins[_i].answer);
	ck_assert_uint_eq(seen.grants, logins[_i].answer == LOGIN_OK);
	if (seen.grants > 0) {
		ck_assert_uint_eq(seen.uid, 4001);
		ck_assert_str_eq(seen.granted, "ann@host.example");
	}
	/* A second answer is nobody's. */
	pam_says(PAM_RIGHT);
	ck_assert_uint_eq(seen.logins, 1);
}
END_TEST

START_TEST(names_that_nobody_can_have)
{
	log_in("\"../ann\"@host.example", "secret");
	ck_assert_uint_eq(seen.asked, 0);
	ck_assert_str_eq(seen.pam_user, "postern!nobody");
	pam_says(PAM_RIGHT);
	ck_assert_int_eq(seen.login, LOGIN_BAD);
}
END_TEST

START_TEST(no_passwords_without_pam)
{
	conf.system.pam = false;
	log_in("ann@host.example", "secret");
	ck_assert_int_eq(seen.login, LOGIN_BAD);
	ck_assert_uint_eq(seen.asked + seen.pams, 0);
}
END_TEST

START_TEST(a_helper_that_goes_away)
{
	log_in("ann@host.example", "secret");
	say("ann", USER_FOUND, 4001);
	channel_free(pam);
	settle();
	ck_assert_uint_eq(seen.logins, 1);
	ck_assert_int_eq(seen.login, LOGIN_TEMPORARY);
	log_in("ann@host.example", "secret");
	ck_assert_uint_eq(seen.logins, 2);
	ck_assert_int_eq(seen.login, LOGIN_TEMPORARY);
}
END_TEST

START_TEST(a_login_whose_worker_is_gone)
{
	log_in("ann@host.example", "secret");
	say("ann", USER_FOUND, 4001);
	channel_free(pop3d);
	settle();
	pam_says(PAM_RIGHT);
	ck_assert_uint_eq(seen.logins + seen.grants, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("directory with users");
	TCase *c = tcase_create("all");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(
	    c, a_recipient_waits_until_the_user_is_known, 0, sizeof(rcpts) / sizeof(rcpts[0]));
	tcase_add_test(c, an_address_extension);
	tcase_add_test(c, an_alias_of_several_users);
	tcase_add_test(c, other_domains_wait_for_nobody);
	tcase_add_test(c, who_asked_may_be_gone);
	tcase_add_test(c, users_that_are_not_there);
	tcase_add_loop_test(c, a_login, 0, sizeof(logins) / sizeof(logins[0]));
	tcase_add_test(c, names_that_nobody_can_have);
	tcase_add_test(c, no_passwords_without_pam);
	tcase_add_test(c, a_helper_that_goes_away);
	tcase_add_test(c, a_login_whose_worker_is_gone);
	suite_add_tcase(s, c);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
