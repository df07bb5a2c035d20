/* SPDX-License-Identifier: ISC
 *
 * Whether there is such a user shows in nothing that a client is told, nor in the work that it
 * makes: directory's server with tables of two kinds of users, and the test as smtpd.
 */
#include "common/base64.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-smtpd-directory.h"
#include "directory/live.h"
#include "directory/password.h"
#include "directory/server.h"
#include "directory/stand-ins.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <crypt.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Three users of the first kind to one of the second. */
#define MANY "$5$rounds=1000$"
#define FEW  "$6$rounds=1001$"
enum { MANY_ITERATIONS = 100000, FEW_ITERATIONS = 4096, FEW_SALT = 40, STRANGERS = 400 };

static char *dir;
static struct conf conf;
static struct channel *smtpd;

static struct {
	unsigned outcomes, challenges;
	uint8_t verdict;
	char challenge[512];
} heard;

/* ---- what is hashed: the linker puts this in the way of crypt_r() ------------------- */

static unsigned hashes;
static char hashed[HASH_MAX + 1];
char *__real_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	hashes++;
	snprintf(hashed, sizeof(hashed), "%s", setting);
	return __real_crypt_r(phrase, setting, data);
}

/* ---- the tables ----------------------------------------------------------------------- */

static const char *hash_of(const char *setting)
{
	static struct crypt_data data;
	char with_salt[64];
	snprintf(with_salt, sizeof(with_salt), "%spostern$", setting);
	const char *hash = crypt_r("secret", with_salt, &data);
	ck_assert_ptr_nonnull(hash);
	return hash;
}

static void put_user(
    struct buf *b, const char *name, const char *setting, uint32_t iterations, size_t salt_size)
{
	struct scram_keys keys = {.iterations = iterations, .salt_size = salt_size};
	memset(keys.salt, name[0], salt_size);
	buf_printf(b, "%s@example.org:%s", name, hash_of(setting));
	if (iterations > 0) {
		buf_append_u8(b, ':');
		ck_assert(user_record_put_keys(b, &keys));
	}
	buf_append_u8(b, '\n');
}

static void write_users(unsigned kinds)
{
	static const char *const many[] = {"ann", "bob", "cy"};
	struct buf b = BUF_INIT(64 * 1024);
	for (size_t i = 0; i < 3; i++)
		put_user(&b, many[i], MANY, MANY_ITERATIONS, SCRAM_SALT_SIZE);
	if (kinds == 2)
		put_user(&b, "rare", FEW, FEW_ITERATIONS, FEW_SALT);
	if (kinds == 3)
		put_user(&b, "rare", FEW, 0, 0);
	buf_printf(&b, "locked@example.org:*\n%c", 0);
	fixture_write(dir, "users", (const char *)b.p);
	buf_release(&b);
	fixture_write(dir, "domains", "example.org\n");
	fixture_write(dir, "aliases", "root@example.org: ann@example.org\n");
	ck_assert_int_eq(fixture_build(dir), 0);
}

/* ---- directory -------------------------------------------------------------------------- */

static bool on_challenge(void *ctx, const struct msg_auth_challenge *m, int *fds)
{
	(void)ctx;
	(void)fds;
	heard.challenges++;
	ck_assert_uint_lt(m->message.octets.n, sizeof(heard.challenge));
	memcpy(heard.challenge, m->message.octets.p, m->message.octets.n);
	heard.challenge[m->message.octets.n] = '\0';
	return true;
}

static bool on_outcome(void *ctx, const struct msg_auth_outcome *m, int *fds)
{
	(void)ctx;
	(void)fds;
	heard.outcomes++;
	heard.verdict = m->result.verdict;
	return true;
}

static bool on_offer(void *ctx, const struct msg_auth_offer *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static bool on_generation(void *ctx, const struct msg_directory_generation *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct smtpd_directory_client_handlers handlers = {.auth_challenge = on_challenge,
    .auth_outcome = on_outcome,
    .auth_offer = on_offer,
    .directory_generation = on_generation};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)channel;
	ck_abort_msg("channel closed: %s", why);
}

static void start(void)
{
	int pair[2], fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	server_start(&conf, fd);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_peer(EDGE_smtpd_directory, 0, pair[0]);
	smtpd = channel_new(pair[1], &smtpd_directory_client, &handlers, NULL, on_closed);
}

static void end(void)
{
	channel_free(smtpd);
	server_end();
}

static void setup(void)
{
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	dir = fixture_directory();
	scratch_open();
	ck_assert_int_eq(chdir(scratch_path()), 0);
	server_set_state(true);
	conf = (struct conf){.tables = dir,
	    .workers = 1,
	    .postmaster = (char *)(uintptr_t) "root@example.org",
	    .recipient_delimiter = (char *)(uintptr_t) "+",
	    .auth = {.offer = AUTH_PLAIN | AUTH_SCRAM_SHA_256,
		.threads = 1,
		.failures = 1000000,
		.login_failures = 1000000,
		.refuse = 900,
		.forget = 3600}};
}

static void teardown(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	scratch_close();
	fixture_remove(dir);
}

static void begin(unsigned mechanism, struct str initial)
{
	static uint32_t cookie;
	const struct msg_auth_begin m = {.start = {.cookie = ++cookie,
					     .mechanism = (uint8_t)mechanism,
					     .has_initial = 1,
					     .initial = initial,
					     .client = STR("[192.0.2.1]"),
					     .session = STR("s1")}};
	const struct msg_auth_abort never_mind = {.cancel = {.cookie = cookie}};
	unsigned before = heard.outcomes + heard.challenges;
	ck_assert(msg_auth_begin_send(smtpd, &m, NULL));
	while (heard.outcomes + heard.challenges == before)
		unit_wait();
	if (mechanism == AUTH_SCRAM_SHA_256)
		ck_assert(msg_auth_abort_send(smtpd, &never_mind, NULL));
}

/* The number of hashes that a wrong password costs. */
static unsigned cost(const char *login, const char *password)
{
	char message[256];
	int n = snprintf(message, sizeof(message), "%c%s%c%s", 0, login, 0, password);
	hashes = 0;
	begin(AUTH_PLAIN, str_from(message, (size_t)n));
	ck_assert_int_eq(heard.verdict, LOGIN_BAD);
	return hashes;
}

struct shown {
	char salt[128];
	unsigned iterations;
};

/* What SCRAM shows of a login. */
static struct shown show(const char *login)
{
	struct shown shown = {.iterations = 0};
	char message[256];
	int n = snprintf(message, sizeof(message), "n,,n=%s,r=abcdefghijkl", login);
	unsigned before = heard.challenges;
	begin(AUTH_SCRAM_SHA_256, str_from(message, (size_t)n));
	ck_assert_uint_eq(heard.challenges, before + 1);
	const char *salt = strstr(heard.challenge, ",s="),
		   *iterations = strstr(heard.challenge, ",i=");
	ck_assert(salt != NULL && iterations != NULL && salt < iterations);
	snprintf(shown.salt, sizeof(shown.salt), "%.*s", (int)(iterations - salt - 3), salt + 3);
	shown.iterations = (unsigned)strtoul(iterations + 3, NULL, 10);
	return shown;
}

static const char *stranger(unsigned number)
{
	static char login[64];
	snprintf(login, sizeof(login), "stranger%u@example.org", number);
	return login;
}

/* ---- tests ----------------------------------------------------------------------------- */

/* Who is refused without a hash says at once that there is no such user. */
START_TEST(a_wrong_password_costs_the_same_for_everybody)
{
	static const char *const logins[] = {"ann@example.org", "rare@example.org",
	    "locked@example.org", "root@example.org", "eve@example.org", "ann+x@example.org",
	    "ann@elsewhere.example", "eve", "@example.org", "\x01@example.org"};
	write_users(2);
	start();
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		ck_assert_uint_eq(cost(logins[i], "wrong"), 1);
		ck_assert_uint_eq(cost(logins[i], "wr\xc3\xb6ng"), 1);
		ck_assert_uint_eq(cost(logins[i], "wro\xcc\x88ng"), 2);
		ck_assert_uint_eq(cost(logins[i], "*"), 1);
	}
	end();
}
END_TEST

static void check_the_same(unsigned count, const struct shown *before)
{
	for (unsigned i = 0; i < count; i++) {
		struct shown now = show(stranger(i));
		ck_assert_str_eq(now.salt, before[i].salt);
		ck_assert_uint_eq(now.iterations, before[i].iterations);
	}
}

/* A user's salt does not change either. */
START_TEST(a_stranger_stays_the_same)
{
	struct shown first[20];
	write_users(2);
	start();
	for (unsigned i = 0; i < 20; i++) {
		first[i] = show(stranger(i));
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(first[i].salt, first[k].salt);
	}
	check_the_same(20, first);
	end();
	start();
	check_the_same(20, first);
	end();
}
END_TEST

/* Else anybody could tell the salts that no user has. */
START_TEST(salts_are_of_a_secret)
{
	write_users(1);
	for (unsigned i = 0; i < 2; i++) {
		server_set_state(i == 0);
		start();
		struct shown first = show("eve@example.org");
		end();
		if (i == 0)
			ck_assert_int_eq(unlink("stand-in.key"), 0);
		start();
		ck_assert_str_ne(show("eve@example.org").salt, first.salt);
		end();
	}
}
END_TEST

/* As users and no others do, and in their proportions: five and more standard deviations. */
START_TEST(strangers_are_of_the_kinds_of_users)
{
	unsigned few = 0;
	write_users(2);
	start();
	for (unsigned i = 0; i < STRANGERS; i++) {
		struct shown shown = show(stranger(i));
		bool of_few = shown.iterations == FEW_ITERATIONS;
		ck_assert(of_few || shown.iterations == MANY_ITERATIONS);
		ck_assert_uint_eq(
		    strlen(shown.salt), BASE64_SIZE(of_few ? FEW_SALT : SCRAM_SALT_SIZE));
		few += of_few;
		if (i % 10 > 0)
			continue;
		ck_assert_uint_eq(cost(stranger(i), "wrong"), 1);
		ck_assert_int_eq(strncmp(hashed, of_few ? FEW : MANY, strlen(FEW)), 0);
	}
	ck_assert_uint_gt(few, STRANGERS / 4 - 50);
	ck_assert_uint_lt(few, STRANGERS / 4 + 50);
	end();
}
END_TEST

/* Users without keys stand in for themselves, and so do the strangers of their kind. */
START_TEST(some_users_have_no_keys)
{
	unsigned few = 0;
	write_users(3);
	start();
	ck_assert_uint_eq(show("rare@example.org").iterations, MANY_ITERATIONS);
	ck_assert_uint_eq(show("locked@example.org").iterations, MANY_ITERATIONS);
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_uint_eq(show(stranger(i)).iterations, MANY_ITERATIONS);
		ck_assert_uint_eq(cost(stranger(i), "wrong"), 1);
		few += strncmp(hashed, FEW, strlen(FEW)) == 0;
	}
	ck_assert_uint_gt(few, 0);
	ck_assert_uint_lt(few, 75);
	end();
}
END_TEST

static void count(struct stand_ins *s, const char *hash, uint32_t iterations, unsigned users)
{
	const struct user_record user = {.hash = str_from_cstr(hash),
	    .has_keys = iterations > 0,
	    .keys = {.iterations = iterations, .salt_size = 16}};
	for (unsigned i = 0; i < users; i++)
		stand_ins_count(s, &user);
}

/* Three kinds, in the order in which the table may have them today. */
static struct stand_ins *three_kinds(bool backwards, unsigned more)
{
	static const struct {
		const char *hash;
		uint32_t iterations;
		unsigned users;
	} kinds[] = {{"$5$a$b", 4096, 500}, {"$5$a$b", 0, 300}, {"$6$a$b", 4096, 200}};
	struct stand_ins *s = xcalloc(1, sizeof(*s));
	for (size_t i = 0; i < 3; i++) {
		size_t k = backwards ? 2 - i : i;
		count(s, kinds[k].hash, kinds[k].iterations, kinds[k].users + (k == 1 ? more : 0));
	}
	count(s, "*", 0, 1000); /* they have no password */
	stand_ins_sort(s);
	ck_assert_uint_eq(s->count, 3);
	return s;
}

/* Who changes with every change of the table is no user. */
START_TEST(lots_stay_where_they_are)
{
	struct stand_ins *one = three_kinds(false, 0), *other = three_kinds(true, 0),
			 *grown = three_kinds(true, 10);
	unsigned moved = 0, of_six = 0;
	for (unsigned i = 0; i < 1000; i++) {
		const struct stand_in_lot lot = {.kind = (i << 22) + (i << 12), .keys = 0};
		const char *hash = stand_ins_hash(one, &lot);
		ck_assert_str_eq(hash, stand_ins_hash(other, &lot));
		moved += strcmp(hash, stand_ins_hash(grown, &lot)) != 0;
		of_six += hash[1] == '6';
		ck_assert_uint_eq(stand_ins_keys(one, &lot, i % 2 == 0)->iterations, 4096);
	}
	ck_assert_uint_le(moved, 5);
	ck_assert_uint_ge(of_six, 175);
	ck_assert_uint_le(of_six, 225);
	free(one);
	free(other);
	free(grown);
}
END_TEST

START_TEST(more_kinds_than_are_counted)
{
	struct stand_ins *s = xcalloc(1, sizeof(*s));
	const struct stand_in_lot first = {0, 0}, last = {UINT32_MAX, UINT32_MAX};
	ck_assert_ptr_null(stand_ins_hash(s, &first));
	ck_assert_ptr_null(stand_ins_keys(s, &first, false));
	for (unsigned i = 0; i < 2 * STAND_INS_MAX; i++)
		count(s, "$5$a$b", i, 1);
	stand_ins_sort(s);
	ck_assert_uint_eq(s->count, STAND_INS_MAX);
	ck_assert_uint_eq(stand_ins_keys(s, &first, true)->iterations, 1);
	ck_assert_uint_eq(stand_ins_keys(s, &last, true)->iterations, STAND_INS_MAX - 1);
	ck_assert_ptr_nonnull(stand_ins_hash(s, &last));
	free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("strangers");
	TCase *server = tcase_create("directory"), *parts = tcase_create("stand-ins");
	tcase_set_timeout(server, 120);
	tcase_add_checked_fixture(server, setup, teardown);
	tcase_add_test(server, a_wrong_password_costs_the_same_for_everybody);
	tcase_add_test(server, a_stranger_stays_the_same);
	tcase_add_test(server, salts_are_of_a_secret);
	tcase_add_test(server, strangers_are_of_the_kinds_of_users);
	tcase_add_test(server, some_users_have_no_keys);
	tcase_add_test(parts, lots_stay_where_they_are);
	tcase_add_test(parts, more_kinds_than_are_counted);
	suite_add_tcase(suite, server);
	suite_add_tcase(suite, parts);
	return unit_run_suite(suite);
}
