/* SPDX-License-Identifier: ISC
 *
 * Password hashes, and the threads that check them.
 */
#include "common/loop.h"
#include "common/mem.h"
#include "directory/password.h"
#include "directory/work.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"

#include <crypt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

START_TEST(right_and_wrong)
{
	char hash[HASH_MAX + 1];
	const char *why;
	ck_assert(password_hash(STR("correct horse"), hash));
	ck_assert_int_eq(strncmp(hash, "$y$", 3), 0);
	ck_assert_int_eq(hash_format_check(str_from_cstr(hash), &why), HASH_OK);
	ck_assert(password_check(STR("correct horse"), hash));
	ck_assert(!password_check(STR("correct hors"), hash));
	ck_assert(!password_check(STR("correct horse "), hash));
	ck_assert(!password_check(STR(""), hash));
	ck_assert(!password_check((struct str){NULL, 0}, hash));
	ck_assert(!password_check(STR("correct horse\0"), hash));
	ck_assert(!password_check(STR("correct horse\0x"), hash));
}
END_TEST

START_TEST(salts_differ)
{
	char a[HASH_MAX + 1], b[HASH_MAX + 1];
	ck_assert(password_hash(STR("same"), a));
	ck_assert(password_hash(STR("same"), b));
	ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(lengths)
{
	char hash[HASH_MAX + 1], longest[PASSWORD_MAX + 2];
	memset(longest, 'p', sizeof(longest));
	ck_assert(!password_hash(str_from(longest, PASSWORD_MAX + 1), hash));
	ck_assert(!password_hash(STR("a\0b"), hash));
	/* libcrypt itself takes at most 512 octets; more is never right, and never crashes. */
	ck_assert(password_hash(str_from(longest, 500), hash));
	ck_assert(password_check(str_from(longest, 500), hash));
	ck_assert(!password_check(str_from(longest, 499), hash));
	ck_assert(!password_check(str_from(longest, PASSWORD_MAX), hash));
	ck_assert(!password_check(str_from(longest, PASSWORD_MAX + 1), hash));
}
END_TEST

START_TEST(broken_hashes_are_never_right)
{
	static const char *const hashes[] = {"", "*", "*0", "*1", "x", "$", "$y$", "$y$j9T$", "$5$",
	    "$5$rounds=1000$postern$", "$2b$04$", "!", "plain"};
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		ck_assert(!password_check(STR("plain"), hashes[i]));
		ck_assert(!password_check(STR(""), hashes[i]));
		ck_assert(!password_check(str_from_cstr(hashes[i]), hashes[i]));
	}
}
END_TEST

/* "pässwörd ©": as keyboards compose it, as some file systems and programs take it apart, and with
 * a no-break space. */
#define COMPOSED   "p\xc3\xa4ssw\xc3\xb6rd \xc2\xa9"
#define DECOMPOSED "pa\xcc\x88sswo\xcc\x88rd \xc2\xa9"
#define NO_BREAK   "p\xc3\xa4ssw\xc3\xb6rd\xc2\xa0\xc2\xa9"

START_TEST(forms_of_a_password)
{
	static const struct str forms[] = {STR(COMPOSED), STR(DECOMPOSED), STR(NO_BREAK)};
	char hash[HASH_MAX + 1];
	ck_assert(password_hash(STR(COMPOSED), hash));
	for (size_t i = 0; i < 3; i++)
		ck_assert(password_verify(forms[i], hash));
	ck_assert(!password_check(STR(DECOMPOSED), hash));
	ck_assert(!password_verify(STR("passw\xc3\xb6rd \xc2\xa9"), hash));
	ck_assert(!password_verify(STR("\xff"), hash));
	ck_assert(!password_verify(STR(""), hash));
}
END_TEST

/* Made of octets as they came, before there was one form, or by other programs. */
START_TEST(older_hashes_are_still_right)
{
	static const struct str sent[] = {STR(DECOMPOSED), STR(NO_BREAK), STR("p\xe4ss"),
	    STR("\xc2\xad"), STR("tab\t"), STR("\xf0\x9f\x94\x91")};
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		char hash[HASH_MAX + 1];
		ck_assert(password_hash(sent[i], hash));
		ck_assert(password_verify(sent[i], hash));
		ck_assert(!password_verify(STR(COMPOSED), hash));
	}
}
END_TEST

/* The linker puts this in the way of crypt_r(). */
static unsigned hashes;
char *__real_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	hashes++;
	return __real_crypt_r(phrase, setting, data);
}

/* Who is unknown is checked against a stand-in: how many hashes that is, only the password says. */
START_TEST(a_wrong_password_costs_two_hashes_at_most)
{
	static const struct {
		struct str sent;
		unsigned hashes;
	} rows[] = {{STR("wrong"), 1}, {STR("wr\xc3\xb6ng"), 1}, {STR("wro\xcc\x88ng"), 2},
	    {STR("\xff"), 1}, {STR("\xc2\xad"), 1}, {STR("\t"), 1}, {STR(""), 1}};
	static const char *const stored[] = {"*", "$5$rounds=1000$postern$", NULL};
	char real[HASH_MAX + 1];
	ck_assert(password_hash(STR("right"), real));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t k = 0; k < sizeof(stored) / sizeof(stored[0]); k++) {
			hashes = 0;
			ck_assert(
			    !password_verify(rows[i].sent, stored[k] == NULL ? real : stored[k]));
			ck_assert_uint_eq(hashes, rows[i].hashes);
		}
}
END_TEST

/* Hashes of the word "secret" that other systems made. */
static const struct {
	const char *hash, *setting;
	enum hash_verdict verdict;
} foreign[] = {
    {"$2b$04$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", "$2b$04$", HASH_OK},
    {"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7", "$y$j9T$",
	HASH_OK},
    {"$6$rounds=5000$saltstring$"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaa",
	"$6$rounds=5000$", HASH_OK},
    {"$1$saltstri$aaaaaaaaaaaaaaaaaaaaaa", "$1$", HASH_WEAK},
    {"*", "", HASH_OK},
    {"", "", HASH_BAD},
    {"abJnggxhB/yWI", "", HASH_BAD}, /* DES */
    {"$9$x$y", "", HASH_BAD},
};

START_TEST(formats)
{
	const char *why;
	const struct str hash = str_from_cstr(foreign[_i].hash);
	ck_assert_int_eq(hash_format_check(hash, &why), foreign[_i].verdict);
	ck_assert(str_eq(hash_setting(hash), str_from_cstr(foreign[_i].setting)));
	/* Cut anywhere, it is no hash. */
	for (size_t n = 0; n < hash.n && foreign[_i].verdict != HASH_BAD && hash.n > 1; n++)
		ck_assert_int_eq(hash_format_check(str_head(hash, n), &why), HASH_BAD);
}
END_TEST

/* --- The threads --------------------------------------------------------------------------- */

static atomic_bool gate;
static atomic_uint ran;
static unsigned done_count, done_unrun;

struct test_job {
	struct work_job job;
	bool was_run;
};

static void run_job(struct work_job *job)
{
	const struct timespec short_while = {.tv_nsec = 1000000};
	while (!atomic_load(&gate))
		nanosleep(&short_while, NULL);
	((struct test_job *)job)->was_run = true;
	atomic_fetch_add(&ran, 1);
}

static void done_job(struct work_job *job)
{
	done_unrun += !((struct test_job *)job)->was_run;
	done_count++;
	free(job);
	if (done_count == 100)
		loop_exit();
}

static struct test_job *new_job(void)
{
	struct test_job *j = xcalloc(1, sizeof(*j));
	j->job.run = run_job;
	j->job.done = done_job;
	return j;
}

static void too_late(void *ctx)
{
	(void)ctx;
	ck_abort_msg("the jobs did not come back");
}

START_TEST(jobs_come_back_once)
{
	struct work *w = work_new(3, 100);
	struct event *deadline = loop_timer(too_late, NULL);
	loop_timer_start(deadline, 30000);
	atomic_store(&gate, true);
	for (int i = 0; i < 100; i++)
		ck_assert(work_submit(w, &new_job()->job));
	ck_assert_uint_eq(work_pending(w), 100);
	loop_run();
	ck_assert_uint_eq(done_count, 100);
	ck_assert_uint_eq(done_unrun, 0);
	ck_assert_uint_eq(atomic_load(&ran), 100);
	ck_assert_uint_eq(work_pending(w), 0);
	event_free(deadline);
	work_free(w);
}
END_TEST

START_TEST(a_full_queue_refuses)
{
	struct work *w = work_new(2, 4);
	unsigned taken = 0;
	/* Two in the hands of the threads sooner or later, four waiting; never a seventh. */
	for (int i = 0; i < 1000; i++) {
		struct test_job *j = new_job();
		if (work_submit(w, &j->job))
			taken++;
		else
			free(j);
	}
	ck_assert_uint_ge(taken, 4);
	ck_assert_uint_le(taken, 6);
	atomic_store(&gate, true);
	work_free(w); /* each is done, run or not */
	ck_assert_uint_eq(done_count, taken);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("all");
	tcase_set_timeout(c, 60);
	tcase_add_test(c, right_and_wrong);
	tcase_add_test(c, salts_differ);
	tcase_add_test(c, forms_of_a_password);
	tcase_add_test(c, older_hashes_are_still_right);
	tcase_add_test(c, a_wrong_password_costs_two_hashes_at_most);
	tcase_add_test(c, lengths);
	tcase_add_test(c, broken_hashes_are_never_right);
	tcase_add_loop_test(c, formats, 0, (int)(sizeof(foreign) / sizeof(foreign[0])));
	tcase_add_test(c, jobs_come_back_once);
	tcase_add_test(c, a_full_queue_refuses);
	return unit_run_case("password", c);
}
