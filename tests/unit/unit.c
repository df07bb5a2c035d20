/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"
#include "common/mem.h"

#include <dirent.h>
#include <stdlib.h>

#undef _mark_point
void unit_mark_point(const char *file, int line)
{
	static struct {
		const char *file;
		int line;
	} seen[16]; /* as many as a loop has assertions */
	static unsigned next;
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		if (seen[i].line == line && seen[i].file == file)
			return;
	seen[next].file = file;
	seen[next].line = line;
	next = (next + 1) % (sizeof(seen) / sizeof(seen[0]));
	_mark_point(file, line);
}

size_t unit_descriptors(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

int unit_run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int unit_run_case(const char *name, TCase *tcase)
{
	Suite *suite = suite_create(name);
	suite_add_tcase(suite, tcase);
	return unit_run_suite(suite);
}

int unit_run(const char *name, const TTest *const tests[], size_t count)
{
	TCase *tcase = tcase_create(name);
	tcase_set_timeout(tcase, 120);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	return unit_run_case(name, tcase);
}

struct str unit_copy(struct str s)
{
	char *p = xmalloc(s.n);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct str){p, s.n};
}

void unit_free(struct str s)
{
	free((void *)(uintptr_t)s.p);
}

void unit_assert_str(struct str a, struct str b, const char *file, int line)
{
	if (str_eq(a, b))
		return;
	ck_abort_msg("%s:%d: \"%.*s\" is not \"%.*s\"", file, line, STR_ARG(a), STR_ARG(b));
}
