/* SPDX-License-Identifier: ISC
 *
 * directory with users of the machine, over real sockets: `users` and pam-check are
 * played here. Questions wait for what must be known first, and logins say nothing that PAM
 * does not.
 */
#include "common/log.h"
#include "common/msg-directory-pam.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-users.h"
#include "directory/password.h"
#include "directory/server.h"
#include "directory/user-record.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

static char *dir;
static bool by_smtp;
static struct conf conf;
static struct channel *smtpd, *pop3d, *session, *users, *pam;
static struct {
	unsigned rcpts, logins, asked, pams, grants, senders;
	uint8_t rcpt, login, sender, smtp_offer, pop3_offer;
	uint32_t delay;
	char targets[512], asked_name[USER_NAME_MAX + 1], pam_user[USER_NAME_MAX + 1];
	char password[64], client[CLIENT_ADDRESS_MAX + 1], granted[ADDRESS_MAX + 1];
	uint32_t pam_cookie, uid;
	char challenge[512];
	size_t challenge_n;
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

static bool on_outcome(const struct auth_result *result)
{
	seen.logins++;
	seen.login = result->verdict;
	seen.delay = result->delay;
	return true;
}

static bool on_login_outcome(void *ctx, const struct msg_login_outcome *m, int *fds)
{
	(void)ctx;
	(void)fds;
	ck_assert_uint_eq(m->result.ticket.n, m->result.verdict == LOGIN_OK ? TICKET_SIZE : 0);
	return on_outcome(&m->result);
}

static bool on_auth_outcome(void *ctx, const struct msg_auth_outcome *m, int *fds)
{
	(void)ctx;
	(void)fds;
	return on_outcome(&m->result);
}

static bool on_login_challenge(void *ctx, const struct msg_login_challenge *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.challenge_n = m->message.octets.n;
	copy(seen.challenge, sizeof(seen.challenge), m->message.octets);
	return true;
}

static bool on_login_offer(void *ctx, const struct msg_login_offer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.pop3_offer = m->mechanisms;
	return true;
}

static bool on_auth_offer(void *ctx, const struct msg_auth_offer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.smtp_offer = m->mechanisms;
	return true;
}

static bool on_sender_answer(void *ctx, const struct msg_sender_answer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	seen.senders++;
	seen.sender = m->verdict;
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

static const struct smtpd_directory_client_handlers smtpd_handlers = {.rcpt_answer = on_rcpt_answer,
    .directory_generation = on_generation,
    .auth_outcome = on_auth_outcome,
    .auth_offer = on_auth_offer,
    .sender_answer = on_sender_answer};
static const struct pop3d_directory_client_handlers pop3d_handlers = {
    .login_outcome = on_login_outcome,
    .login_challenge = on_login_challenge,
    .login_offer = on_login_offer};
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

static void join(
    struct channel **slot, enum edge_id edge, const struct edge_side *side, const void *handlers)
{
	int pair[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_peer(edge, 0, pair[0]);
	*slot = channel_new(pair[1], side, handlers, slot, on_closed);
}

/* All of them could use SCRAM. */
static void write_users(void)
{
	struct buf text = BUF_INIT(1024);
	struct scram_keys keys;
	ck_assert(password_keys(STR("secret"), &keys));
	buf_append_str(&text, STR("virtual@example.org:*:"));
	ck_assert(user_record_put_keys(&text, &keys) && buf_append_u8(&text, '\n') &&
		  buf_append_u8(&text, '\0'));
	fixture_write(dir, "users", (const char *)buf_data(&text));
	buf_release(&text);
}

static void setup(void)
{
	static char *domains[] = {(char *)(uintptr_t) "host.example"};
	memset(&seen, 0, sizeof(seen));
	by_smtp = false;
	dir = fixture_directory();
	conf = (struct conf){.tables = dir,
	    .workers = 2,
	    .recipient_delimiter = (char *)(uintptr_t) "+",
	    .auth = {.threads = 1,
		.failures = 10,
		.login_failures = 10,
		.refuse = 900,
		.forget = 3600,
		.cache_size = 100,
		.cache_time = 3600},
	    .system = {.domains = {domains, 1}, .uid_min = 1000, .uid_max = 60000, .pam = true}};
	fixture_write(dir, "domains", "example.org\n");
	write_users();
	fixture_write(dir, "aliases",
	    "both@example.org: ann@host.example, bob@host.example, virtual\n"
	    "only@example.org: ann@host.example\n");
	ck_assert_int_eq(fixture_build(dir), 0);
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	server_start(&conf, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	join(&smtpd, EDGE_smtpd_directory, &smtpd_directory_client, &smtpd_handlers);
	join(&pop3d, EDGE_pop3d_directory, &pop3d_directory_client, &pop3d_handlers);
	join(&session, EDGE_directory_session, &directory_session_server, &session_handlers);
	join(&users, EDGE_directory_users, &users_server, &users_handlers);
	join(&pam, EDGE_directory_pam, &directory_pam_server, &pam_handlers);
	unit_settle();
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
	unit_settle();
}

static void say(const char *name, enum user_verdict verdict, uint32_t uid)
{
	const struct msg_user_answer m = {str_from_cstr(name), (uint8_t)verdict, uid};
	msg_user_answer_send(users, &m, NULL);
	unit_settle();
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
	unit_settle();
	say("ann", USER_FOUND, 4001);
	ck_assert_uint_eq(seen.rcpts, 0);
}
END_TEST

START_TEST(users_that_are_not_there)
{
	channel_free(users);
	unit_settle();
	ask("ann@host.example");
	ck_assert_int_eq(seen.rcpt, RCPT_TEMPORARY);
}
END_TEST

static uint32_t cookie = 9;

static void start_login(unsigned mechanism, const char *message, size_t n)
{
	const struct auth_start start = {.cookie = cookie,
	    .mechanism = (uint8_t)mechanism,
	    .has_initial = 1,
	    .initial = str_from(message, n),
	    .client = STR("[192.0.2.1]"),
	    .session = STR("s1")};
	if (by_smtp)
		msg_auth_begin_send(smtpd, &(struct msg_auth_begin){.start = start}, NULL);
	else
		msg_login_begin_send(pop3d, &(struct msg_login_begin){.start = start}, NULL);
	unit_settle();
}

static void log_in(const char *user, const char *password)
{
	char message[128];
	int n = snprintf(message, sizeof(message), "%c%s%c%s", '\0', user, '\0', password);
	start_login(AUTH_PLAIN, message, (size_t)n);
}

static void pam_says(enum pam_verdict verdict)
{
	const struct msg_pam_answer m = {seen.pam_cookie, (uint8_t)verdict};
	msg_pam_answer_send(pam, &m, NULL);
	unit_settle();
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
	by_smtp = _i % 2 == 1;
	const size_t row = (size_t)_i / 2;
	log_in("Ann@host.example", "secret");
	ck_assert_uint_eq(seen.pams, 0);
	say("ann", logins[row].user, logins[row].user == USER_FOUND ? 4001 : 0);
	ck_assert_uint_eq(seen.pams, 1);
	ck_assert_str_eq(seen.pam_user, logins[row].user == USER_BELOW ? "postern!nobody" : "ann");
	ck_assert_str_eq(seen.password, "secret");
	ck_assert_str_eq(seen.client, "[192.0.2.1]");
	ck_assert_uint_eq(seen.logins, 0);
	pam_says(logins[row].pam);
	ck_assert_uint_eq(seen.logins, 1);
	ck_assert_int_eq(seen.login, logins[row].answer);
	ck_assert_uint_eq(seen.grants, logins[row].answer == LOGIN_OK && !by_smtp);
	/* Failures cost time. */
	ck_assert_int_eq(seen.delay > 0, logins[row].answer == LOGIN_BAD);
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
	unit_settle();
	ck_assert_uint_eq(seen.logins, 1);
	ck_assert_int_eq(seen.login, LOGIN_TEMPORARY);
	log_in("ann@host.example", "secret");
	ck_assert_uint_eq(seen.logins, 2);
	ck_assert_int_eq(seen.login, LOGIN_TEMPORARY);
}
END_TEST

/* It costs pam-check its channel, and nobody gets in. */
START_TEST(a_verdict_that_is_none)
{
	static const int verdicts[] = {0, PAM_EXPIRED + 1, UINT8_MAX};
	log_in("ann@host.example", "secret");
	say("ann", USER_FOUND, 4001);
	pam_says((enum pam_verdict)verdicts[_i]);
	ck_assert_ptr_null(pam);
	ck_assert_uint_eq(seen.logins, 1);
	ck_assert_int_eq(seen.login, LOGIN_TEMPORARY);
}
END_TEST

START_TEST(a_login_whose_worker_is_gone)
{
	log_in("ann@host.example", "secret");
	say("ann", USER_FOUND, 4001);
	channel_free(pop3d);
	unit_settle();
	pam_says(PAM_RIGHT);
	ck_assert_uint_eq(seen.logins + seen.grants, 0);
}
END_TEST

/* Ten wrong passwords, and the right one is not even tried. */
START_TEST(guesses_are_counted)
{
	for (unsigned i = 0; i < conf.auth.failures; i++) {
		char password[32];
		snprintf(password, sizeof(password), "wrong %u", i);
		by_smtp = i % 2 == 0;
		log_in("ann@host.example", password);
		if (i == 0)
			say("ann", USER_FOUND, 4001);
		pam_says(PAM_WRONG);
		ck_assert_int_eq(seen.login, LOGIN_BAD);
	}
	ck_assert_uint_eq(seen.pams, conf.auth.failures);
	log_in("ann@host.example", "secret");
	ck_assert_int_eq(seen.login, LOGIN_LIMITED);
	ck_assert_uint_eq(seen.pams, conf.auth.failures);
	/* The client's address may try no other. */
	log_in("bob@host.example", "secret");
	ck_assert_int_eq(seen.login, LOGIN_LIMITED);
}
END_TEST

START_TEST(a_right_password_is_not_remembered)
{
	log_in("ann@host.example", "secret");
	say("ann", USER_FOUND, 4001);
	pam_says(PAM_RIGHT);
	ck_assert_int_eq(seen.login, LOGIN_OK);
	log_in("ann@host.example", "secret");
	ck_assert_uint_eq(seen.pams, 2);
	pam_says(PAM_EXPIRED);
	ck_assert_int_eq(seen.login, LOGIN_BAD);
}
END_TEST

static void reload(void)
{
	server_reload(&conf);
	unit_settle();
	ck_assert_uint_eq(seen.smtp_offer, seen.pop3_offer);
}

START_TEST(what_is_offered)
{
	ck_assert_uint_eq(seen.smtp_offer, AUTH_PLAIN | AUTH_LOGIN);
	ck_assert_uint_eq(seen.pop3_offer, AUTH_PLAIN | AUTH_LOGIN);
	conf.auth.offer = AUTH_SCRAM_SHA_256;
	reload();
	ck_assert_uint_eq(seen.smtp_offer, AUTH_SCRAM_SHA_256);
	conf.auth.offer = 0;
	reload();
	ck_assert_uint_eq(seen.smtp_offer, AUTH_PLAIN | AUTH_LOGIN);
	conf.system.pam = false;
	reload();
	ck_assert_uint_eq(seen.smtp_offer, AUTH_PLAIN | AUTH_LOGIN | AUTH_SCRAM_SHA_256);
}
END_TEST

/* As the answer to `challenge`, "r=NONCE,...". */
static void show_wrong_proof(const char *challenge)
{
	char last[256];
	int n = snprintf(last, sizeof(last), "c=biws,r=%.*s,p=%s",
	    (int)strcspn(challenge + 2, ","), challenge + 2,
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	const struct auth_message message = {.cookie = cookie, .octets = str_from(last, (size_t)n)};
	msg_login_response_send(pop3d, &(struct msg_login_response){.message = message}, NULL);
	unit_settle();
}

/* Who begins many logins at once has no more tries than who begins them one by one. */
START_TEST(proofs_are_counted_before_they_are_tried)
{
	enum { MANY = 12 };
	static const char first[] = "n,,n=virtual@example.org,r=abcdefghijklmnop";
	char challenges[MANY][sizeof(seen.challenge)];
	conf.auth.offer = AUTH_SCRAM_SHA_256;
	reload();
	for (cookie = 0; cookie < MANY; cookie++) {
		start_login(AUTH_SCRAM_SHA_256, first, sizeof(first) - 1);
		memcpy(challenges[cookie], seen.challenge, sizeof(seen.challenge));
	}
	for (cookie = 0; cookie < MANY; cookie++) {
		show_wrong_proof(challenges[cookie]);
		ck_assert_uint_eq(seen.logins, cookie + 1);
		ck_assert_int_eq(
		    seen.login, cookie < conf.auth.failures ? LOGIN_BAD : LOGIN_LIMITED);
	}
}
END_TEST

/* It looks like that of a stranger: a challenge, and then no. */
START_TEST(no_keys_for_users_of_the_machine)
{
	static const char first[] = "n,,n=ann@host.example,r=abcdefghijklmnop";
	conf.auth.offer = AUTH_SCRAM_SHA_256;
	reload();
	start_login(AUTH_SCRAM_SHA_256, first, sizeof(first) - 1);
	ck_assert_uint_gt(seen.challenge_n, 0);
	ck_assert_uint_eq(seen.logins, 0);
	show_wrong_proof(seen.challenge);
	ck_assert_int_eq(seen.login, LOGIN_BAD);
	ck_assert_uint_eq(seen.asked + seen.pams + seen.grants, 0);
}
END_TEST

START_TEST(an_exchange_given_up_while_it_waits)
{
	const struct msg_login_abort stop = {.cancel = {.cookie = 9}};
	log_in("ann@host.example", "secret");
	msg_login_abort_send(pop3d, &stop, NULL);
	unit_settle();
	say("ann", USER_FOUND, 4001);
	ck_assert_uint_eq(seen.pams, 0);
	log_in("ann@host.example", "secret");
	ck_assert_uint_eq(seen.pams, 1);
	msg_login_abort_send(pop3d, &stop, NULL);
	unit_settle();
	pam_says(PAM_RIGHT);
	ck_assert_uint_eq(seen.logins + seen.grants, 0);
	/* It was right, and that is all. */
	log_in("ann@host.example", "wrong");
	ck_assert_uint_eq(seen.pams, 2);
	pam_says(PAM_WRONG);
	ck_assert_int_eq(seen.login, LOGIN_BAD);
	/* One that waits at the end is freed there. */
	log_in("ann@host.example", "secret");
	ck_assert_uint_eq(seen.pams, 3);
}
END_TEST

/* Who does not wait for the answer has tried all the same. */
START_TEST(guesses_given_up_are_counted)
{
	const struct msg_login_abort stop = {.cancel = {.cookie = 9}};
	for (unsigned i = 0; i < conf.auth.failures; i++) {
		char password[32];
		snprintf(password, sizeof(password), "wrong %u", i);
		log_in("ann@host.example", password);
		if (i == 0)
			say("ann", USER_FOUND, 4001);
		msg_login_abort_send(pop3d, &stop, NULL);
		unit_settle();
		pam_says(PAM_WRONG);
	}
	ck_assert_uint_eq(seen.pams, conf.auth.failures);
	ck_assert_uint_eq(seen.logins, 0);
	log_in("ann@host.example", "secret");
	ck_assert_int_eq(seen.login, LOGIN_LIMITED);
}
END_TEST

static const struct {
	const char *address;
	enum user_verdict ann;
	enum sender_verdict answer;
} owners[] = {{"ann@host.example", USER_FOUND, SENDER_OK},
    {"Ann+lists@host.example", USER_FOUND, SENDER_OK}, {"only@example.org", USER_FOUND, SENDER_OK},
    {"both@example.org", USER_FOUND, SENDER_NOT_OWNED},
    {"bob@host.example", USER_FOUND, SENDER_NOT_OWNED},
    {"ann@host.example", USER_NONE, SENDER_NOT_OWNED},
    {"ann@host.example", USER_FAILED, SENDER_TEMPORARY}};

START_TEST(whose_an_address_is)
{
	struct sender_address from = {.address = str_from_cstr(owners[_i].address)};
	const struct msg_sender_query m = {.cookie = 3,
	    .login = STR("ann@host.example"),
	    .client = STR("[192.0.2.1]"),
	    .addresses = &from,
	    .addresses_count = 1};
	msg_sender_query_send(smtpd, &m, NULL);
	unit_settle();
	ck_assert_uint_eq(seen.senders, 0);
	/* Whoever is asked for first. */
	for (unsigned n = 0; n < seen.asked; n++) {
		bool bob = strcmp(seen.asked_name, "bob") == 0;
		say(seen.asked_name, bob ? USER_FOUND : owners[_i].ann, bob ? 4002 : 4001);
	}
	ck_assert_uint_eq(seen.senders, 1);
	ck_assert_int_eq(seen.sender, owners[_i].answer);
}
END_TEST

int main(void)
{
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
	tcase_add_loop_test(c, a_login, 0, 2 * sizeof(logins) / sizeof(logins[0]));
	tcase_add_test(c, guesses_are_counted);
	tcase_add_test(c, a_right_password_is_not_remembered);
	tcase_add_test(c, what_is_offered);
	tcase_add_test(c, no_keys_for_users_of_the_machine);
	tcase_add_test(c, proofs_are_counted_before_they_are_tried);
	tcase_add_test(c, an_exchange_given_up_while_it_waits);
	tcase_add_test(c, guesses_given_up_are_counted);
	tcase_add_loop_test(c, whose_an_address_is, 0, sizeof(owners) / sizeof(owners[0]));
	tcase_add_test(c, names_that_nobody_can_have);
	tcase_add_test(c, no_passwords_without_pam);
	tcase_add_test(c, a_helper_that_goes_away);
	tcase_add_loop_test(c, a_verdict_that_is_none, 0, 3);
	tcase_add_test(c, a_login_whose_worker_is_gone);
	return unit_run_case("directory with users", c);
}
