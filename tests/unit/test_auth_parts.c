/* SPDX-License-Identifier: ISC
 *
 * Around the mechanisms: remembered logins, whose turn it is, what the table users keeps, and
 * failed logins in their file.
 */
#include "common/loop.h"
#include "directory/guesses.h"
#include "directory/login-cache.h"
#include "directory/login-mark.h"
#include "directory/login-name.h"
#include "directory/password.h"
#include "directory/turns.h"
#include "directory/usage.h"
#include "directory/user-record.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- remembered logins ------------------------------------------------------------ */

static void digest(const struct login_cache *c, const char *login, const char *password,
    const char *hash, uint8_t *out)
{
	login_cache_digest(
	    c, str_from_cstr(login), str_from_cstr(password), str_from_cstr(hash), out);
}

/* Of every way to cut a text into login, password and hash, only the remembered one is found. */
START_TEST(nobody_gets_in_as_another)
{
	static const char text[] = "annsecrethash";
	struct login_cache *c = login_cache_new(10, 1000);
	uint8_t d[LOGIN_DIGEST_SIZE];
	digest(c, "ann", "secret", "hash", d);
	login_cache_add(c, d, 0);
	for (size_t i = 0; i < sizeof(text); i++)
		for (size_t k = i; k < sizeof(text); k++) {
			login_cache_digest(c, str_from(text, i), str_from(text + i, k - i),
			    str_from(text + k, sizeof(text) - 1 - k), d);
			ck_assert(login_cache_has(c, d, 0) == (i == 3 && k == 9));
		}
	digest(c, "bob", "secret", "hash", d);
	ck_assert(!login_cache_has(c, d, 0));
	digest(c, "ann", "secret", "another", d);
	ck_assert(!login_cache_has(c, d, 0));
	login_cache_free(c);
}
END_TEST

START_TEST(what_is_remembered_ends)
{
	struct login_cache *c = login_cache_new(2, 1000);
	uint8_t a[LOGIN_DIGEST_SIZE], b[LOGIN_DIGEST_SIZE], d[LOGIN_DIGEST_SIZE];
	digest(c, "ann", "x", "h", a);
	digest(c, "bob", "x", "h", b);
	digest(c, "cy", "x", "h", d);
	login_cache_add(c, a, 0);
	ck_assert(login_cache_has(c, a, 999));
	login_cache_add(c, a, 999); /* does not live longer for it */
	ck_assert(!login_cache_has(c, a, 1000));
	login_cache_add(c, a, 1000);
	login_cache_add(c, b, 1001);
	login_cache_add(c, d, 1002);
	ck_assert_uint_eq(login_cache_count(c), 2);
	ck_assert(!login_cache_has(c, a, 1002) && login_cache_has(c, b, 1002) &&
		  login_cache_has(c, d, 1002));
	login_cache_clear(c);
	ck_assert(!login_cache_has(c, b, 1002));
	login_cache_free(c);
	/* Another one has another key. */
	c = login_cache_new(2, 1000);
	login_cache_add(c, a, 0);
	digest(c, "ann", "x", "h", d);
	ck_assert(!login_cache_has(c, d, 0));
	login_cache_free(c);
	c = login_cache_new(0, 1000);
	login_cache_add(c, a, 0);
	ck_assert(!login_cache_has(c, a, 0));
	login_cache_free(c);
}
END_TEST

/* ---- turns ----------------------------------------------------------------------- */

static unsigned dropped;
static void count_dropped(void *job)
{
	(void)job;
	dropped++;
}

START_TEST(lines_take_turns)
{
	static int jobs[200];
	struct turns *t = turns_new(2, 1, 50, 100);
	for (int i = 0; i < 60; i++)
		ck_assert(turns_add(t, TURNS_OTHER, STR("greedy"), &jobs[i]) == (i < 50));
	ck_assert(turns_add(t, TURNS_OTHER, STR("modest"), &jobs[100]));
	ck_assert_ptr_eq(turns_next(t), &jobs[0]);
	/* Though there is a second place, it is not for the same line. */
	ck_assert_ptr_eq(turns_next(t), &jobs[100]);
	ck_assert_ptr_null(turns_next(t));
	turns_done(t, STR("modest"));
	ck_assert_ptr_null(turns_next(t));
	turns_done(t, STR("greedy"));
	ck_assert_ptr_eq(turns_next(t), &jobs[1]);
	for (int i = 0; i < 51; i++)
		ck_assert(turns_add(t, TURNS_OTHER, STR("third"), &jobs[101 + i]) == (i < 50));
	ck_assert_uint_eq(turns_waiting(t), 98);
	ck_assert_ptr_eq(turns_next(t), &jobs[101]);
	ck_assert(turns_add(t, TURNS_OTHER, STR("a"), &jobs[0]) && turns_add(t, TURNS_OTHER, STR("b"), &jobs[0]));
	for (int i = 0; turns_waiting(t) < 100; i++)
		ck_assert(turns_add(t, TURNS_OTHER, STR("third"), &jobs[0]));
	ck_assert(!turns_add(t, TURNS_OTHER, STR("c"), &jobs[0]));
	turns_done(t, STR("third"));
	turns_done(t, STR("greedy"));
	turns_done(t, STR("greedy")); /* nothing of it runs: no place is gained */
	ck_assert_ptr_nonnull(turns_next(t));
	ck_assert_ptr_nonnull(turns_next(t));
	ck_assert_ptr_null(turns_next(t));
	dropped = 0;
	turns_done(t, STR("a"));
	turns_done(t, STR("b"));
	turns_done(t, STR("third"));
	turns_done(t, STR("greedy"));
	turns_free(t, count_dropped);
	ck_assert_uint_gt(dropped, 90);
}
END_TEST

/* However many others wait, the first of the first class is next, and finds room. */
START_TEST(first_class_goes_first)
{
	static int jobs[100];
	struct turns *t = turns_new(2, 1, 3, 10);
	unsigned n = 0;
	for (; n < 20; n++) {
		char name[] = {'o', (char)n};
		ck_assert(turns_add(t, TURNS_OTHER, str_from(name, 2), &jobs[n]) == (n < 10));
	}
	ck_assert_ptr_eq(turns_next(t), &jobs[0]);
	for (n = 20; n < 24; n++)
		ck_assert(turns_add(t, TURNS_FIRST, STR("fa"), &jobs[n]) == (n < 23));
	ck_assert(turns_add(t, TURNS_FIRST, STR("fb"), &jobs[30]));
	ck_assert_ptr_eq(turns_next(t), &jobs[20]);
	ck_assert_ptr_null(turns_next(t));
	turns_done(t, STR("o\0"));
	ck_assert_ptr_eq(turns_next(t), &jobs[30]);
	turns_done(t, STR("fb"));
	/* A line of the first class has no more places at once than another. */
	ck_assert_ptr_eq(turns_next(t), &jobs[1]);
	turns_done(t, STR("fa"));
	ck_assert_ptr_eq(turns_next(t), &jobs[21]);
	ck_assert_uint_eq(turns_waiting(t), 9);
	dropped = 0;
	turns_done(t, STR("fa"));
	turns_done(t, STR("o\1"));
	turns_free(t, count_dropped);
	ck_assert_uint_eq(dropped, 9);
}
END_TEST

/* ---- users ----------------------------------------------------------------------- */

START_TEST(keys_of_a_user)
{
	struct scram_keys keys;
	struct user_record user;
	struct buf value = BUF_INIT(USER_VALUE_MAX);
	ck_assert(password_keys(STR("pencil"), &keys));
	ck_assert_uint_ge(keys.iterations, SCRAM_ITERATIONS_MIN);
	ck_assert(buf_append_str(&value, STR("*:")) && user_record_put_keys(&value, &keys));
	ck_assert_ptr_null(user_record_parse(buf_str(&value), &user));
	ck_assert(str_eq(user.hash, STR("*")) && user.has_keys);
	ck_assert(memcmp(&user.keys, &keys, sizeof(keys)) == 0);
	ck_assert_ptr_null(user_record_parse(STR("*"), &user));
	ck_assert(!user.has_keys);
	for (size_t n = 2; n < buf_len(&value); n++)
		ck_assert_ptr_nonnull(user_record_parse(str_head(buf_str(&value), n), &user));
	buf_append_u8(&value, 'x');
	ck_assert_ptr_nonnull(user_record_parse(buf_str(&value), &user));
	buf_release(&value);
	ck_assert(!password_keys(STR("a\0b"), &keys));
}
END_TEST

/* The table holds what came first in one form, and what came second in another. */
static enum lookup_result get_user(
    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value)
{
	const char *const *user = ctx;
	(void)pool;
	(void)value;
	ck_assert_int_eq(table, TABLE_USERS);
	for (; *user != NULL; user++)
		if (str_eq(key, str_from_cstr(*user)))
			return LOOKUP_FOUND;
	return LOOKUP_NONE;
}

/* "bär", composed and not; "ﬁn" with a ligature; a local part that nobody has. */
#define NFC "b\xc3\xa4r@example.org"
#define NFD "ba\xcc\x88r@example.org"

static void check_key(
    const char *const *users, const char *name, struct str domain, const char *expected)
{
	const struct lookup tables = {get_user, (void *)(uintptr_t)users};
	struct pool *pool = pool_new(64 * 1024);
	struct str key = login_name_key(str_from_cstr(name), domain, &tables, pool);
	ck_assert_msg(str_eq(key, str_from_cstr(expected)), "\"%s\" is \"%.*s\", not \"%s\"", name,
	    STR_ARG(key), expected);
	pool_free(pool);
}

START_TEST(forms_of_a_name)
{
	static const char *const nfc[] = {NFC, "fin@example.org", NULL}, *const nfd[] = {NFD, NULL},
			  *const both[] = {NFC, NFD, NULL}, *const none[] = {NULL};
	static const struct {
		const char *const *users;
		const char *name, *key;
	} rows[] = {{nfc, NFC, NFC}, {nfc, NFD, NFC}, {nfd, NFD, NFD}, {nfd, NFC, NFC},
	    {both, NFC, NFC}, {both, NFD, NFD}, {none, NFC, NFC}, {none, NFD, NFC},
	    {nfc, "B\xc3\xa4r@EXAMPLE.org", NFC},
	    {nfc, "\xef\xac\x81n@example.org", "fin@example.org"},
	    {nfc, "fin@example\xe3\x80\x82org", "fin@example.org"},
	    {nfc, "nobody", "nobody"}, {nfc, "\xff", "\xff"}, {nfc, "\xc2\xad", "\xc2\xad"},
	    {nfc, "no\xc2\xad" "body", "nobody"}, {nfc, "", ""}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_key(rows[i].users, rows[i].name, STR(""), rows[i].key);
}
END_TEST

START_TEST(names_without_a_domain)
{
	static const char *const users[] = {NFC, NULL};
	static const struct {
		const char *name, *key;
	} rows[] = {{"bob", "bob@example.org"}, {"Bob", "bob@example.org"}, {"b\xc3\xa4r", NFC},
	    {"ba\xcc\x88r", NFC}, {"bob@", "bob@"}, {"", ""},
	    {"bob@example.net", "bob@example.net"}, {"a b", "a b@example.org"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_key(users, rows[i].name, STR("example.org"), rows[i].key);
	char longest[ADDRESS_MAX + 1] = "";
	memset(longest, 'x', ADDRESS_MAX);
	check_key(users, longest, STR("example.org"), longest);
}
END_TEST

/* ---- the file --------------------------------------------------------------------- */

static const struct guess_limits limits = {5, 50, 900000, 3600000};
static char dir[] = "/tmp/postern-test-XXXXXX";

static void enter_scratch(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static void leave_scratch(void)
{
	static const char *const names[] = {"guesses.db", "guesses.bad", "guesses.new",
	    "usage.db", "usage.bad", "usage.new", "key", "login-mark.key"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static size_t known_after_restart(void)
{
	struct guesses *g = guesses_new(&limits);
	struct state_store *s = state_store_open(&guesses_kept, g);
	size_t n = guesses_count(g);
	state_store_close(s);
	guesses_free(g);
	return n;
}

static void fill(unsigned logins)
{
	struct guesses *g = guesses_new(&limits);
	struct state_store *s = state_store_open(&guesses_kept, g);
	struct guess_source from = guess_source_parse(STR("[192.0.2.1]"));
	for (unsigned i = 0; i < logins; i++) {
		char login[32];
		int n = snprintf(login, sizeof(login), "u%u@example.org", i);
		guesses_failed(g, &from, str_from(login, (size_t)n), i + 1, loop_wall_ms());
	}
	state_store_close(s);
	guesses_free(g);
}

START_TEST(failures_outlive_a_restart)
{
	enter_scratch();
	ck_assert_uint_eq(known_after_restart(), 0);
	fill(1000);
	ck_assert_uint_eq(known_after_restart(), 1002);
	ck_assert_uint_eq(known_after_restart(), 1002);
	leave_scratch();
}
END_TEST

static ino_t inode_of_file(void)
{
	struct stat st;
	return stat("guesses.db", &st) == 0 ? st.st_ino : 0;
}

/* Each is another file. */
START_TEST(what_is_urgent_waits_for_no_timer)
{
	struct guesses *g = guesses_new(&limits);
	struct guess_source from = guess_source_parse(STR("[192.0.2.1]"));
	struct state_kept seldom = guesses_kept;
	enter_scratch();
	seldom.write_ms = 24 * 3600 * 1000;
	struct state_store *s = state_store_open(&seldom, g);
	for (unsigned i = 1; i <= 3; i++) {
		ino_t before = inode_of_file();
		guesses_failed(g, &from, STR("ann@example.org"), i, loop_wall_ms());
		state_store_hurry(s);
		while (inode_of_file() == before)
			unit_wait();
	}
	state_store_close(s);
	guesses_free(g);
	ck_assert_uint_eq(known_after_restart(), 3);
	leave_scratch();
}
END_TEST

/* Whatever octet is changed, the file is set aside, and all begins anew. */
START_TEST(a_damaged_file_is_set_aside)
{
	struct stat st;
	enter_scratch();
	fill(10);
	ck_assert_int_eq(stat("guesses.db", &st), 0);
	for (off_t at = 0; at < st.st_size - 4096; at += 509) {
		uint8_t octet;
		fill(10);
		int fd = open("guesses.db", O_RDWR);
		ck_assert_int_eq(pread(fd, &octet, 1, at), 1);
		octet ^= 0x40;
		ck_assert_int_eq(pwrite(fd, &octet, 1, at), 1);
		close(fd);
		ck_assert_uint_eq(known_after_restart(), 0);
		ck_assert_int_eq(unlink("guesses.bad"), 0);
	}
	ck_assert_int_ge(open("guesses.db", O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
	ck_assert_uint_eq(known_after_restart(), 0);
	leave_scratch();
}
END_TEST

/* The other table, in a file of its own. */
static unsigned sent_after_restart(unsigned more)
{
	struct usage *u = usage_new();
	struct state_store *s = state_store_open(&usage_kept, u);
	const struct usage_limits limit = {.hour = 100};
	const struct guess_source nowhere = {0};
	const struct str key = {"\x04" "ann", 4};
	uint64_t now_s = loop_wall_ms() / 1000;
	unsigned sent = 0;
	while (sent < 100 && usage_check(u, key, &limit, 100 - sent, now_s) != USAGE_FITS)
		sent++;
	if (more > 0)
		usage_add(u, key, &nowhere, more, now_s);
	state_store_close(s);
	usage_free(u);
	return sent;
}

START_TEST(counts_outlive_a_restart)
{
	struct stat st;
	enter_scratch();
	ck_assert_uint_eq(sent_after_restart(40), 0);
	ck_assert_uint_eq(sent_after_restart(2), 40);
	ck_assert_uint_eq(sent_after_restart(0), 42);
	ck_assert_int_eq(truncate("usage.db", 1000), 0);
	ck_assert_uint_eq(sent_after_restart(7), 0);
	ck_assert_int_eq(stat("usage.bad", &st), 0);
	ck_assert_uint_eq(sent_after_restart(0), 7);
	leave_scratch();
}
END_TEST

static bool refuse(void *of, struct str key, struct str value, uint64_t now_ms)
{
	(void)of;
	(void)key;
	(void)value;
	(void)now_ms;
	return false;
}

/* Whole, but of another version, say. */
START_TEST(a_file_of_other_records_is_set_aside)
{
	struct stat st;
	struct state_kept other = guesses_kept;
	enter_scratch();
	fill(10);
	other.load = refuse;
	struct guesses *g = guesses_new(&limits);
	state_store_close(state_store_open(&other, g));
	guesses_free(g);
	ck_assert_int_eq(stat("guesses.bad", &st), 0);
	ck_assert_int_ne(stat("guesses.db", &st), 0);
	leave_scratch();
}
END_TEST

START_TEST(a_secret_stays)
{
	uint8_t a[32], b[32];
	enter_scratch();
	ck_assert(state_secret("key", a, sizeof(a)));
	ck_assert(state_secret("key", b, sizeof(b)));
	ck_assert(memcmp(a, b, sizeof(a)) == 0);
	ck_assert_int_eq(truncate("key", 5), 0);
	ck_assert(state_secret("key", b, sizeof(b)));
	ck_assert(memcmp(a, b, sizeof(a)) != 0);
	leave_scratch();
}
END_TEST

/* ---- marks of logins -------------------------------------------------------------- */

static enum lookup_result get_marked(
    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value)
{
	static char value_now[32]; /* it is wiped when it was looked at */
	(void)pool;
	if (table != TABLE_USERS)
		return LOOKUP_NONE;
	if (str_eq(key, STR("later@example.org")))
		return LOOKUP_FAILED;
	if (!str_eq(key, STR("ann@example.org")))
		return LOOKUP_NONE;
	snprintf(value_now, sizeof(value_now), "%s", (const char *)ctx);
	*value = str_from_cstr(value_now);
	return LOOKUP_FOUND;
}

static enum lookup_result check_mark(const char *login, const char *users, uint64_t mark)
{
	const struct lookup l = {.get = get_marked, .ctx = (void *)(uintptr_t)users};
	return login_mark_check(&l, str_from_cstr(login), mark);
}

START_TEST(a_mark_is_of_one_login_and_password)
{
	const char *ann = "ann@example.org";
	enter_scratch();
	login_mark_start(true);
	uint64_t mark = login_mark(str_from_cstr(ann), STR("$y$hash"));
	ck_assert_uint_ne(mark, 0);
	ck_assert_uint_ne(mark, login_mark(STR("bob@example.org"), STR("$y$hash")));
	ck_assert_int_eq(check_mark(ann, "$y$hash", mark), LOOKUP_FOUND);
	ck_assert_int_eq(check_mark(ann, "$y$hasi", mark), LOOKUP_NONE);
	ck_assert_int_eq(check_mark(ann, "$y$hash:keys", mark), LOOKUP_NONE);
	ck_assert_int_eq(check_mark(ann, "*", mark), LOOKUP_NONE);
	ck_assert_int_eq(check_mark("gone@example.org", "$y$hash", mark), LOOKUP_NONE);
	ck_assert_int_eq(check_mark("later@example.org", "$y$hash", mark), LOOKUP_FAILED);
	ck_assert_int_eq(check_mark("gone@example.org", "$y$hash", 0), LOOKUP_FOUND);
	login_mark_start(true); /* after a restart */
	ck_assert_int_eq(check_mark(ann, "$y$hash", mark), LOOKUP_FOUND);
	login_mark_start(false);
	ck_assert_int_eq(check_mark(ann, "$y$hash", mark), LOOKUP_NONE);
	leave_scratch();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("auth-parts");
	tcase_set_timeout(c, 60);
	tcase_add_test(c, nobody_gets_in_as_another);
	tcase_add_test(c, what_is_remembered_ends);
	tcase_add_test(c, lines_take_turns);
	tcase_add_test(c, first_class_goes_first);
	tcase_add_test(c, keys_of_a_user);
	tcase_add_test(c, forms_of_a_name);
	tcase_add_test(c, names_without_a_domain);
	tcase_add_test(c, failures_outlive_a_restart);
	tcase_add_test(c, what_is_urgent_waits_for_no_timer);
	tcase_add_test(c, a_damaged_file_is_set_aside);
	tcase_add_test(c, counts_outlive_a_restart);
	tcase_add_test(c, a_file_of_other_records_is_set_aside);
	tcase_add_test(c, a_secret_stays);
	tcase_add_test(c, a_mark_is_of_one_login_and_password);
	return unit_run_case("auth-parts", c);
}
