/* SPDX-License-Identifier: ISC
 *
 * Who is a user of the machine: the C library's look-ups are played here.
 */
#include "common/str.h"
#include "common/system-user.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>

static const struct conf_system conf = {.uid_min = 1000, .uid_max = 60000};

/* What they say. */
static int error;
static bool is_there;
static struct passwd entry;

static int answer(struct passwd *pw, struct passwd **found)
{
	*pw = entry;
	*found = error == 0 && is_there ? pw : NULL;
	return error;
}

int getpwnam_r(const char *name, struct passwd *pw, char *space, size_t size, struct passwd **found)
{
	(void)name;
	(void)space;
	(void)size;
	return answer(pw, found);
}

int getpwuid_r(uid_t uid, struct passwd *pw, char *space, size_t size, struct passwd **found)
{
	(void)uid;
	(void)space;
	(void)size;
	return answer(pw, found);
}

static void set(char *name, uid_t uid, gid_t gid)
{
	static char home[] = "/home/ann";
	error = 0;
	is_there = true;
	entry = (struct passwd){.pw_name = name, .pw_uid = uid, .pw_gid = gid, .pw_dir = home};
}

static char ann[] = "ann", Ann[] = "Ann";

START_TEST(names)
{
	static const struct {
		char *name;
		uid_t uid;
		gid_t gid;
		enum user_verdict verdict;
	} rows[] = {
	    {ann, 1000, 1000, USER_FOUND}, {ann, 60000, 8, USER_FOUND},
	    {ann, 999, 1000, USER_BELOW}, {ann, 60001, 1000, USER_BELOW},
	    {ann, 0, 1000, USER_BELOW}, {ann, 1000, 0, USER_BELOW},
	    {Ann, 1000, 1000, USER_NONE}, /* the database does not mind */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t uid = 1;
		set(rows[i].name, rows[i].uid, rows[i].gid);
		ck_assert_int_eq(system_user_find(&conf, STR("ann"), &uid), rows[i].verdict);
		ck_assert_uint_eq(uid, rows[i].verdict == USER_FOUND ? rows[i].uid : 0);
	}
	ck_assert_int_eq(system_user_find(&conf, STR("a/b"), &(uint32_t){0}), USER_NONE);
}
END_TEST

START_TEST(numbers)
{
	struct system_user user;
	set(ann, 1000, 1001);
	ck_assert_int_eq(system_user_get(&conf, 1000, &user), OWNER_OK);
	ck_assert_str_eq(user.name, "ann");
	ck_assert_str_eq(user.home, "/home/ann");
	ck_assert_uint_eq(user.uid, 1000);
	ck_assert_uint_eq(user.gid, 1001);
	ck_assert_int_eq(system_user_get(&conf, 1002, &user), OWNER_NOT_ALLOWED);
	ck_assert_int_eq(system_user_get(&conf, 999, &user), OWNER_NOT_ALLOWED);
	set(ann, 1000, 0);
	ck_assert_int_eq(system_user_get(&conf, 1000, &user), OWNER_NOT_ALLOWED);
}
END_TEST

/* ENOENT and ECONNREFUSED are what modules make of servers that are away. */
START_TEST(no_answer_is_not_nobody)
{
	static const int errors[] = {
	    ENOENT, ESRCH, ECONNREFUSED, EAGAIN, EIO, EMFILE, ENOMEM, ERANGE, EINVAL};
	uint32_t uid;
	struct system_user user;
	set(ann, 1000, 1000);
	is_there = false;
	ck_assert_int_eq(system_user_find(&conf, STR("ann"), &uid), USER_NONE);
	ck_assert_int_eq(system_user_get(&conf, 1000, &user), OWNER_NONE);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		error = errors[i];
		ck_assert_int_eq(system_user_find(&conf, STR("ann"), &uid), USER_FAILED);
		ck_assert_int_eq(system_user_get(&conf, 1000, &user), OWNER_BUSY);
	}
}
END_TEST

UNIT_MAIN("system_user", names, numbers, no_answer_is_not_nobody)
