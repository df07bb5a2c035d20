/* SPDX-License-Identifier: ISC */
#include "control/check-pam.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include "common/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *first, *second, *said;

static void setup(void)
{
	scratch_open();
	first = xasprintf("%s/first", scratch_path());
	second = xasprintf("%s/second", scratch_path());
	ck_assert_int_eq(mkdir(first, 0700), 0);
}

static void teardown(void)
{
	free(first);
	free(second);
	free(said);
	said = NULL;
	scratch_close();
}

static bool check(void)
{
	const char *const directories[] = {first, second, NULL};
	size_t n;
	free(said);
	FILE *out = open_memstream(&said, &n);
	bool found = check_pam(directories, "x.conf", out);
	fclose(out);
	ck_assert_int_eq(found, said[0] == '\0');
	return found;
}

static void put_service(const char *directory)
{
	char *path = xasprintf("%s/postern", directory);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	free(path);
}

START_TEST(a_service_that_is_not_there_is_told)
{
	ck_assert(!check());
	ck_assert_msg(strncmp(said, "x.conf: warning: ", 17) == 0, "%s", said);
	ck_assert_msg(strstr(said, first) != NULL, "%s", said);
	ck_assert_msg(strstr(said, "postern.pam") != NULL, "%s", said);
}
END_TEST

START_TEST(either_directory_will_do)
{
	ck_assert_int_eq(mkdir(second, 0700), 0);
	put_service(second);
	ck_assert(check());
	put_service(first);
	ck_assert(check());
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("check");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_service_that_is_not_there_is_told);
	tcase_add_test(tc, either_directory_will_do);
	return unit_run_case("check-pam", tc);
}
