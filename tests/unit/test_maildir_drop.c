/* SPDX-License-Identifier: ISC
 *
 * A real directory as a maildrop; what a dialog cannot show.
 */
#include "pop3d/maildir-drop.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int root;
static struct maildrop *drop;

static void setup(void)
{
	root = scratch_open();
	scratch_mkdir("new");
	scratch_mkdir("cur");
}

static void teardown(void)
{
	maildir_drop_free(drop);
	scratch_close();
}

static void open_drop(void)
{
	drop = maildir_drop_open(root);
	ck_assert_ptr_nonnull(drop);
}

static void file(const char *path)
{
	scratch_write(path, STR("x\n"));
}

START_TEST(no_mailbox)
{
	drop = maildir_drop_open(-1);
	ck_assert_uint_eq(drop->count, 0);
}
END_TEST

START_TEST(half_a_mailbox)
{
	file("cur/1.a:2,");
	ck_assert_int_eq(unlinkat(root, "new", AT_REMOVEDIR), 0);
	open_drop();
	ck_assert_uint_eq(drop->count, 1);
	ck_assert(drop->ops->remove(drop, 0));
}
END_TEST

START_TEST(links_are_not_followed)
{
	scratch_write("secret", STR("x\n"));
	ck_assert_int_eq(symlinkat("../secret", root, "new/1.a"), 0);
	ck_assert_int_eq(symlinkat("../secret", root, "new/2.b,S=2,W=3"), 0);
	scratch_mkdir("new/3.c");
	open_drop();
	ck_assert_uint_eq(drop->count, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert(!drop->ops->open(drop, i));
	ck_assert_uint_eq(drop->ops->size(drop, 0), 0);
	ck_assert_uint_eq(drop->ops->size(drop, 2), 0);
	ck_assert(drop->ops->remove(drop, 0)); /* the link itself */
	ck_assert(scratch_exists("secret"));
	ck_assert(!drop->ops->remove(drop, 2));
}
END_TEST

START_TEST(new_is_a_link)
{
	ck_assert_int_eq(unlinkat(root, "new", AT_REMOVEDIR), 0);
	ck_assert_int_eq(symlinkat("cur", root, "new"), 0);
	drop = maildir_drop_open(root);
	ck_assert_ptr_null(drop);
	ck_assert(errno == ELOOP || errno == ENOTDIR);
}
END_TEST

/* However many messages moved, the directories are read once more, not once for each. */
START_TEST(one_more_reading)
{
	enum { N = 500 };
	char from[64], to[64];
	for (int i = 0; i < N; i++) {
		snprintf(from, sizeof(from), "new/%d.a,S=2,W=3", 1000 + i);
		file(from);
	}
	open_drop();
	ck_assert_uint_eq(drop->count, N);
	for (int i = 0; i < N; i++) {
		snprintf(from, sizeof(from), "new/%d.a,S=2,W=3", 1000 + i);
		snprintf(to, sizeof(to), "cur/%d.a,S=2,W=3:2,S", 1000 + i);
		if (i % 3 == 0)
			unlinkat(root, from, 0);
		else
			renameat(root, from, root, to);
	}
	for (size_t i = 0; i < N; i++) {
		bool opened = drop->ops->open(drop, i);
		ck_assert_int_eq(opened, i % 3 != 0);
		if (opened)
			drop->ops->close(drop);
		char space[UIDL_MAX], want[32];
		snprintf(want, sizeof(want), "%zu.a", 1000 + i);
		ck_assert(str_eq(drop->ops->uidl(drop, i, space), str_from_cstr(want)));
	}
	ck_assert_uint_eq(maildir_drop_readings(drop), 2);
	for (size_t i = 0; i < N; i++)
		ck_assert(drop->ops->remove(drop, i));
	ck_assert_uint_eq(scratch_count("cur", NULL), 0);
	ck_assert_uint_eq(maildir_drop_readings(drop), 2);
}
END_TEST

/* In order, whatever order the file system has. */
START_TEST(sorted)
{
	enum { N = 3000 };
	char path[64];
	for (unsigned i = 0; i < N; i++) {
		unsigned shuffled = i * 1103u % N;
		snprintf(path, sizeof(path), "%s/%u.%05u,S=2,W=3", shuffled % 2 ? "new" : "cur",
		    900 + shuffled / 100, shuffled);
		file(path);
	}
	open_drop();
	ck_assert_uint_eq(drop->count, N);
	for (unsigned i = 0; i < N; i++) {
		char space[UIDL_MAX], want[32];
		snprintf(want, sizeof(want), "%u.%05u", 900 + i / 100, i);
		ck_assert(str_eq(drop->ops->uidl(drop, i, space), str_from_cstr(want)));
		ck_assert_uint_eq(drop->ops->size(drop, i), 3);
	}
	ck_assert_uint_eq(maildir_drop_readings(drop), 1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("maildir-drop");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, no_mailbox);
	tcase_add_test(t, half_a_mailbox);
	tcase_add_test(t, links_are_not_followed);
	tcase_add_test(t, new_is_a_link);
	tcase_add_test(t, one_more_reading);
	tcase_add_test(t, sorted);
	return unit_run_case("maildir-drop", t);
}
