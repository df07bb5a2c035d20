/* SPDX-License-Identifier: ISC */
#include "common/mem.h"
#include "tests/unit/unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(nothing_may_be_asked_for)
{
	void *p = xmalloc(0);
	ck_assert_ptr_nonnull(p);
	free(p);
	p = xcalloc(0, 8);
	ck_assert_ptr_nonnull(p);
	free(p);
	p = xcalloc(8, 0);
	ck_assert_ptr_nonnull(p);
	free(p);
}
END_TEST

START_TEST(memory_is_what_it_says)
{
	unsigned *p = xcalloc(100, sizeof(*p));
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(p[i], 0);
	p[99] = 4711;
	p = xreallocarray(p, 1000, sizeof(*p));
	ck_assert_uint_eq(p[99], 4711);
	free(p);
	char *s = xstrdup("abc");
	ck_assert_str_eq(s, "abc");
	free(s);
	s = xasprintf("%s-%d", "x", 7);
	ck_assert_str_eq(s, "x-7");
	free(s);
}
END_TEST

static volatile size_t too_many = SIZE_MAX / 2;

static void ask_too_much(int how)
{
	if (close(STDERR_FILENO) != 0) /* its message has no place in the test's output */
		_exit(1);
	if (how == 0)
		xmalloc(too_many);
	else if (how == 1)
		xcalloc(too_many, 4);
	else
		xreallocarray(NULL, too_many, 4);
	_exit(0);
}

START_TEST(too_much_ends_the_program)
{
#ifdef __SANITIZE_ADDRESS__
	return;
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
	return; /* it ends the program itself, in its own way */
#endif
#endif
	for (int how = 0; how < 3; how++) {
		int status;
		pid_t child = fork();
		if (child == 0)
			ask_too_much(how);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), EXIT_OUT_OF_MEMORY);
	}
}
END_TEST

UNIT_MAIN("mem", nothing_may_be_asked_for, memory_is_what_it_says, too_much_ends_the_program)
