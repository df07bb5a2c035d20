/* SPDX-License-Identifier: ISC */
#include "control/check-mailboxes.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include "common/mem.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who writes there when root asks. */
#define WRITER "nobody"

static char *said;

static bool check(const char *path)
{
	size_t n;
	free(said);
	FILE *out = open_memstream(&said, &n);
	bool good = check_mailboxes(path, WRITER, "x.conf", out);
	fclose(out);
	ck_assert_int_eq(good, said[0] == '\0');
	return good;
}

static char *in_scratch(const char *name)
{
	return xasprintf("%s/%s", scratch_path(), name);
}

/* A directory of `mode` that root gives to the writer. */
static char *make(const char *name, mode_t mode, bool give)
{
	char *path = in_scratch(name);
	ck_assert_int_eq(mkdir(path, mode), 0);
	const struct passwd *pw = getpwnam(WRITER);
	if (geteuid() == 0 && give)
		ck_assert(pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) == 0);
	return path;
}

START_TEST(one_that_is_the_writers_is_good)
{
	scratch_open();
	char *path = make("mail", 0700, true);
	ck_assert_msg(check(path), "%s", said);
	free(path);
	scratch_close();
}
END_TEST

START_TEST(one_that_is_not_is_told)
{
	scratch_open();
	char *path = make("mail", geteuid() == 0 ? 0700 : 0500, false);
	ck_assert(!check(path));
	ck_assert_ptr_eq(strstr(said, "x.conf: warning: the mailboxes' directory "), said);
	ck_assert_ptr_nonnull(strstr(said, path));
	ck_assert_ptr_nonnull(strstr(said, "cannot be written to by "));
	if (geteuid() == 0)
		ck_assert_ptr_nonnull(strstr(said, "chown " WRITER " /"));
	free(path);
	scratch_close();
}
END_TEST

START_TEST(one_that_is_the_writers_but_read_only_is_told)
{
	scratch_open();
	char *path = make("mail", 0500, true);
	ck_assert(!check(path));
	free(path);
	scratch_close();
}
END_TEST

/* The start makes it. */
START_TEST(one_that_is_missing_is_good_if_it_can_be_made)
{
	scratch_open();
	char *path = in_scratch("some/where/mail");
	ck_assert_msg(check(path), "%s", said);
	free(path);
	scratch_close();
}
END_TEST

START_TEST(one_that_cannot_be_made_is_told)
{
	if (geteuid() == 0)
		return; /* root makes it anywhere but below a file, which the next test has */
	scratch_open();
	char *parent = make("closed", 0500, false), *path = in_scratch("closed/mail");
	ck_assert(!check(path));
	ck_assert_ptr_nonnull(strstr(said, "cannot be made by you"));
	free(path);
	free(parent);
	scratch_close();
}
END_TEST

START_TEST(a_file_is_no_directory)
{
	scratch_open();
	scratch_write("mail", STR("x"));
	char *path = in_scratch("mail"), *below = in_scratch("mail/box");
	ck_assert(!check(path));
	ck_assert_ptr_nonnull(strstr(said, "Not a directory"));
	ck_assert(!check(below));
	free(below);
	free(path);
	scratch_close();
}
END_TEST

UNIT_MAIN("check mailboxes", one_that_is_the_writers_is_good, one_that_is_not_is_told,
    one_that_is_the_writers_but_read_only_is_told, one_that_is_missing_is_good_if_it_can_be_made,
    one_that_cannot_be_made_is_told, a_file_is_no_directory)
