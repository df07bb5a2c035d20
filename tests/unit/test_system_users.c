/* SPDX-License-Identifier: ISC
 *
 * What directory knows of the users of the machine, and how it makes mailboxes of
 * them: `users` is played here. Names; whoever asks while a name is not known; the tables
 * that system domains lie over.
 */
#include "common/channel.h"
#include "common/log.h"
#include "common/msg-users.h"
#include "common/user-name.h"
#include "directory/system-lookup.h"
#include "directory/system-users.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <stdio.h>
#include <sys/socket.h>

static struct channel *users;
static unsigned asked, changes, calls;
static char last[USER_NAME_MAX + 1];

static bool on_user_query(void *ctx, const struct msg_user_query *m, int *fds)
{
	(void)ctx;
	(void)fds;
	asked++;
	snprintf(last, sizeof(last), "%.*s", STR_ARG(m->name));
	return true;
}

static const struct users_server_handlers handlers = {.user_query = on_user_query};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)why;
	channel_free(channel);
	users = NULL;
}

static void on_changed(void)
{
	changes++;
}

static void on_known(struct system_wait *w)
{
	(void)w;
	calls++;
}

static void connect_users(void)
{
	int pair[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	system_users_peer(pair[0]);
	users = channel_new(pair[1], &users_server, &handlers, NULL, on_closed);
	unit_settle();
}

static void setup(void)
{
	asked = changes = calls = 0;
	system_users_start(on_changed);
	connect_users();
}

static void answer(const char *name, enum user_verdict verdict, uint32_t uid)
{
	const struct msg_user_answer m = {str_from_cstr(name), (uint8_t)verdict, uid};
	msg_user_answer_send(users, &m, NULL);
	unit_settle();
}

static void wait_for(struct system_wait *w, const char *name)
{
	w->fn = on_known;
	ck_assert(system_users_wait(w, str_from_cstr(name)));
	unit_settle();
}

START_TEST(a_name_is_asked_once)
{
	static struct system_wait a, b, c;
	uint32_t uid = 1;
	ck_assert_int_eq(system_users_look(STR("ann"), &uid), 0);
	wait_for(&a, "ann");
	wait_for(&b, "ann");
	wait_for(&c, "bob");
	ck_assert_uint_eq(asked, 2);
	answer("ann", USER_FOUND, 4001);
	ck_assert_uint_eq(calls, 2);
	ck_assert_int_eq(system_users_look(STR("ann"), &uid), USER_FOUND);
	ck_assert_uint_eq(uid, 4001);
	answer("bob", USER_NONE, 0);
	ck_assert_uint_eq(calls, 3);
	ck_assert_int_eq(system_users_look(STR("bob"), &uid), USER_NONE);
}
END_TEST

START_TEST(answers_that_nobody_asked_for)
{
	uint32_t uid;
	answer("ann", USER_FOUND, 4001);
	ck_assert_int_eq(system_users_look(STR("ann"), &uid), 0);
	answer("ann", 99, 0);
	ck_assert_ptr_null(users);
}
END_TEST

START_TEST(answers_that_mean_nothing)
{
	static const int verdicts[] = {0, USER_FAILED + 1, UINT8_MAX};
	static struct system_wait w;
	uint32_t uid;
	wait_for(&w, "ann");
	answer("ann", (enum user_verdict)verdicts[_i], 4001);
	ck_assert_ptr_null(users);
	ck_assert_int_ne(system_users_look(STR("ann"), &uid), USER_FOUND);
}
END_TEST

/* An answer does not change what another has said. */
START_TEST(a_second_answer)
{
	static struct system_wait w;
	uint32_t uid;
	wait_for(&w, "ann");
	answer("ann", USER_NONE, 0);
	answer("ann", USER_FOUND, 4001);
	ck_assert_int_eq(system_users_look(STR("ann"), &uid), USER_NONE);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(users_that_go_away)
{
	static struct system_wait w;
	uint32_t uid;
	wait_for(&w, "ann");
	channel_free(users);
	unit_settle();
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(system_users_look(STR("ann"), &uid), USER_FAILED);
	wait_for(&w, "bob");
	ck_assert_uint_eq(calls, 2);
	ck_assert_int_eq(system_users_look(STR("bob"), &uid), USER_FAILED);
	connect_users();
	wait_for(&w, "eve");
	ck_assert_str_eq(last, "eve");
}
END_TEST

START_TEST(a_change_forgets_all)
{
	static struct system_wait w;
	uint32_t uid;
	wait_for(&w, "ann");
	answer("ann", USER_FOUND, 4001);
	wait_for(&w, "bob");
	msg_users_changed_send(users, &(struct msg_users_changed){}, NULL);
	unit_settle();
	ck_assert_uint_eq(changes, 1);
	ck_assert_uint_eq(calls, 2);
	ck_assert_int_eq(system_users_look(STR("ann"), &uid), 0);
	ck_assert_int_eq(system_users_look(STR("bob"), &uid), 0);
}
END_TEST

START_TEST(waiters_are_bounded)
{
	static struct system_wait w[SYSTEM_USERS_WAITERS_MAX + 1];
	for (size_t i = 0; i < SYSTEM_USERS_WAITERS_MAX; i++) {
		w[i].fn = on_known;
		ck_assert(system_users_wait(&w[i], STR("ann")));
	}
	ck_assert(!system_users_wait(&w[SYSTEM_USERS_WAITERS_MAX], STR("ann")));
	unit_settle();
	ck_assert_uint_eq(asked, 1);
	answer("ann", USER_NONE, 0);
	ck_assert_uint_eq(calls, SYSTEM_USERS_WAITERS_MAX);
}
END_TEST

/* More names than are kept: nobody waits in vain. */
START_TEST(memory_is_bounded)
{
	static struct system_wait w[SYSTEM_USERS_MAX + 100];
	char name[32];
	for (size_t i = 0; i < SYSTEM_USERS_MAX + 100; i++) {
		snprintf(name, sizeof(name), "user%zu", i);
		w[i].fn = on_known;
		ck_assert(system_users_wait(&w[i], str_from_cstr(name)));
		answer(name, USER_NONE, 0);
	}
	ck_assert_uint_eq(calls, SYSTEM_USERS_MAX + 100);
}
END_TEST

static const struct {
	const char *name;
	bool sane;
} names[] = {{"ann", true}, {"a", true}, {"Ann_B.c-9", true}, {"_x", true}, {"9", true},
    {"", false}, {".", false}, {"..", false}, {".a", false}, {"-a", false}, {"a/b", false},
    {"a b", false}, {"a@b", false}, {"a:b", false}, {"a\n", false}, {"\"a\"", false},
    {"\xc3\xa4", false}, {"a\xff", false}, {"a$", false}, {"a*", false}, {"a%s", false}};

START_TEST(names_of_users)
{
	char text[USER_NAME_MAX + 1];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(user_name_is_sane(str_from_cstr(names[i].name)) == names[i].sane,
		    "%s", names[i].name);
	memset(text, 'a', sizeof(text));
	for (size_t n = 1; n <= USER_NAME_MAX; n++)
		ck_assert(user_name_is_sane(str_from(text, n)));
	ck_assert(!user_name_is_sane(str_from(text, USER_NAME_MAX + 1)));
	ck_assert(!user_name_is_sane(str_from("a\0b", 3)));
}
END_TEST

/* --- The tables with users over them --- */

static enum user_verdict said;

static enum user_verdict look(void *ctx, struct str name)
{
	(void)ctx;
	snprintf(last, sizeof(last), "%.*s", STR_ARG(name));
	return said;
}

static enum lookup_result get_below(
    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value)
{
	(void)pool;
	*(enum table_id *)ctx = table;
	if (value != NULL)
		*value = STR("below");
	return key.n > 0 ? LOOKUP_FOUND : LOOKUP_NONE;
}

START_TEST(system_domains_lie_over_the_tables)
{
	char *domains[] = {(char *)(uintptr_t) "host.example"};
	const struct conf conf = {.system.domains = {domains, 1}};
	enum table_id table = TABLE_COUNT;
	struct system_lookup s = {
	    .tables = {.get = get_below, .ctx = &table}, .conf = &conf, .look = look};
	const struct lookup l = system_lookup_get(&s);
	struct str value;
	ck_assert_int_eq(
	    lookup_get(&l, TABLE_DOMAINS, STR("host.example"), NULL, &value), LOOKUP_FOUND);
	ck_assert(str_eq(value, DOMAIN_SYSTEM));
	ck_assert_int_eq(table, TABLE_COUNT);
	lookup_get(&l, TABLE_DOMAINS, STR("other.example"), NULL, &value);
	ck_assert_int_eq(table, TABLE_DOMAINS);
	/* Aliases, and mailboxes elsewhere, are the tables'. */
	lookup_get(&l, TABLE_ALIASES, STR("ann@host.example"), NULL, &value);
	ck_assert_int_eq(table, TABLE_ALIASES);
	lookup_get(&l, TABLE_USERS, STR("ann@other.example"), NULL, &value);
	ck_assert_int_eq(table, TABLE_USERS);
}
END_TEST

static const struct {
	enum user_verdict verdict;
	enum lookup_result result;
	bool missing;
} verdicts[] = {{USER_FOUND, LOOKUP_FOUND, false}, {USER_NONE, LOOKUP_NONE, false},
    {USER_BELOW, LOOKUP_NONE, false}, {USER_FAILED, LOOKUP_FAILED, false},
    {0, LOOKUP_FAILED, true}};

START_TEST(users_are_mailboxes)
{
	char *domains[] = {(char *)(uintptr_t) "host.example"};
	const struct conf conf = {.system.domains = {domains, 1}};
	struct system_lookup s = {.conf = &conf, .look = look};
	const struct lookup l = system_lookup_get(&s);
	said = verdicts[_i].verdict;
	last[0] = '\0';
	ck_assert_int_eq(
	    lookup_get(&l, TABLE_USERS, STR("ann@host.example"), NULL, NULL), verdicts[_i].result);
	ck_assert_str_eq(last, "ann");
	ck_assert_int_eq(str_eq(s.missing, STR("ann")), verdicts[_i].missing);
	last[0] = '\0';
	ck_assert_int_eq(
	    lookup_get(&l, TABLE_USERS, STR("\"../ann\"@host.example"), NULL, NULL), LOOKUP_NONE);
	ck_assert_str_eq(last, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("system users");
	TCase *c = tcase_create("users");
	tcase_add_checked_fixture(c, setup, system_users_end);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_name_is_asked_once);
	tcase_add_test(c, answers_that_nobody_asked_for);
	tcase_add_loop_test(c, answers_that_mean_nothing, 0, 3);
	tcase_add_test(c, a_second_answer);
	tcase_add_test(c, users_that_go_away);
	tcase_add_test(c, a_change_forgets_all);
	tcase_add_test(c, waiters_are_bounded);
	tcase_add_test(c, memory_is_bounded);
	suite_add_tcase(s, c);
	c = tcase_create("names and tables");
	tcase_add_test(c, names_of_users);
	tcase_add_test(c, system_domains_lie_over_the_tables);
	tcase_add_loop_test(c, users_are_mailboxes, 0, sizeof(verdicts) / sizeof(verdicts[0]));
	suite_add_tcase(s, c);
	return unit_run_suite(s);
}
