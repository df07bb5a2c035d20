/* SPDX-License-Identifier: ISC */
#include "deliver-local/mailboxes.h"
#include "deliver-local/tmp-sweep.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int root;
static struct mailboxes *mailboxes;
static struct mailbox *box;

static void setup(void)
{
	root = scratch_open();
	mailboxes = mailboxes_new(root, 2);
}

static void teardown(void)
{
	mailboxes_free(mailboxes);
	scratch_close();
}

static unsigned mode_of(const char *path)
{
	struct stat st;
	ck_assert_int_eq(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode;
}

START_TEST(made_private)
{
	static const char *const made[] = {"example.org", "example.org/ann", "example.org/ann/tmp",
	    "example.org/ann/new", "example.org/ann/cur"};
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("example.org/ann"), &box), 0);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		ck_assert_uint_eq(mode_of(made[i]), S_IFDIR | 0700);
}
END_TEST

START_TEST(half_made)
{
	scratch_mkdir("ann");
	scratch_mkdir("ann/tmp");
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("ann"), &box), 0);
	ck_assert(scratch_exists("ann/new") && scratch_exists("ann/cur"));
}
END_TEST

/* A symbolic link anywhere in the path is refused, even one that stays below the root. */
START_TEST(links_refused)
{
	static const char *const at[] = {
	    "example.org", "example.org/ann", "example.org/ann/tmp", "example.org/ann/new"};
	scratch_mkdir("real");
	scratch_mkdir("real/ann");
	scratch_mkdir("real/ann/tmp");
	scratch_mkdir("real/ann/new");
	if (_i > 0)
		scratch_mkdir("example.org");
	if (_i > 1)
		scratch_mkdir("example.org/ann");
	if (_i > 2)
		scratch_mkdir("example.org/ann/tmp");
	char target[600];
	snprintf(target, sizeof(target), "%s/%s", scratch_path(),
	    _i == 0   ? "real"
	    : _i == 1 ? "real/ann"
	    : _i == 2 ? "real/ann/tmp"
		      : "real/ann/new");
	ck_assert_int_eq(symlinkat(target, root, at[_i]), 0);
	int error = mailboxes_get(mailboxes, STR("example.org/ann"), &box);
	ck_assert_msg(error == ELOOP || error == ENOTDIR, "error %d", error);
}
END_TEST

START_TEST(file_in_the_way)
{
	scratch_write("example.org", STR("x"));
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("example.org/ann"), &box), ENOTDIR);
}
END_TEST

START_TEST(no_way_out)
{
	static const char *const paths[] = {"..", "../x", "a/../../x", "/tmp"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int error = mailboxes_get(mailboxes, str_from_cstr(paths[i]), &box);
		ck_assert_int_ne(error, 0);
	}
}
END_TEST

static size_t open_descriptors(void)
{
	size_t n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(oldest_give_way)
{
	char path[8];
	size_t before = open_descriptors();
	for (int i = 0; i < 10; i++) {
		int n = snprintf(path, sizeof(path), "u%d", i);
		ck_assert_int_eq(mailboxes_get(mailboxes, str_from(path, (size_t)n), &box), 0);
	}
	ck_assert_uint_eq(open_descriptors(), before + 2 * MAILBOX_DESCRIPTORS);
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("u8"), &box), 0);
	struct mailbox *u8 = box;
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("u1"), &box), 0); /* u9 goes */
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("u8"), &box), 0);
	ck_assert_ptr_eq(box, u8);
}
END_TEST

START_TEST(moved_away)
{
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("ann"), &box), 0);
	ck_assert_int_eq(renameat(root, "ann", root, "ann.old"), 0);
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("ann"), &box), 0);
	ck_assert(scratch_exists("ann/new"));
	struct stat st;
	ck_assert_int_eq(fstatat(root, "ann/new", &st, 0), 0);
	ck_assert_uint_eq(st.st_ino, box->inode);
}
END_TEST

START_TEST(removed)
{
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("ann"), &box), 0);
	ck_assert_int_eq(unlinkat(root, "ann/new", AT_REMOVEDIR), 0);
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("ann"), &box), 0);
	ck_assert(scratch_exists("ann/new"));
}
END_TEST

/* ctime cannot be set back, so what is old by mtime alone must stay. */
START_TEST(fresh_leftovers_stay)
{
	scratch_mkdir("ann");
	scratch_mkdir("ann/tmp");
	scratch_write("ann/tmp/fresh", STR("x"));
	scratch_write("ann/tmp/dated", STR("x"));
	const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	ck_assert_int_eq(utimensat(root, "ann/tmp/dated", old, 0), 0);
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("ann"), &box), 0);
	ck_assert(scratch_exists("ann/tmp/fresh") && scratch_exists("ann/tmp/dated"));
}
END_TEST

/* The clock of this program, for the sweep. */
static time_t ahead;
time_t time(time_t *out)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec + ahead;
	return ts.tv_sec + ahead;
}

START_TEST(old_leftovers_go)
{
	scratch_mkdir("ann");
	scratch_mkdir("ann/tmp");
	scratch_mkdir("ann/tmp/directory");
	scratch_write("ann/tmp/old", STR("x"));
	ahead = TMP_LIFETIME_S + 5;
	ck_assert_int_eq(mailboxes_get(mailboxes, STR("ann"), &box), 0);
	ck_assert(!scratch_exists("ann/tmp/old"));
	ck_assert(scratch_exists("ann/tmp/directory"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("mailboxes");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, made_private);
	tcase_add_test(t, half_made);
	tcase_add_loop_test(t, links_refused, 0, 4);
	tcase_add_test(t, file_in_the_way);
	tcase_add_test(t, no_way_out);
	tcase_add_test(t, oldest_give_way);
	tcase_add_test(t, moved_away);
	tcase_add_test(t, removed);
	tcase_add_test(t, fresh_leftovers_stay);
	tcase_add_test(t, old_leftovers_go);
	return unit_run_case("mailboxes", t);
}
