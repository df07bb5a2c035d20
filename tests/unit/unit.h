/* SPDX-License-Identifier: ISC
 *
 * What the unit tests share.
 */
#ifndef POSTERN_TESTS_UNIT_H
#define POSTERN_TESTS_UNIT_H

#include "common/str.h"

#include <check.h>
#include <stdlib.h>

/* Check writes down each assertion that holds, to say of a test that died where it was last. A
 * million in a loop take longer to be written, and read again by the parent, than what they assert;
 * with sanitizers each later test is a copy of all the memory that took. So places where we just
 * were are left out. */
void unit_mark_point(const char *file, int line);
#define _mark_point unit_mark_point

/* How many descriptors this process has, and a few more, always the same. */
size_t unit_descriptors(void);

/* Runs a suite, whose cases have more than one fixture; main returns what it returns. */
int unit_run_suite(Suite *suite);
/* The same for the only case of a suite of that name. */
int unit_run_case(const char *name, TCase *tcase);
/* Runs the tests, each in a process of its own; main returns what it returns. */
int unit_run(const char *name, const TTest *const tests[], size_t count);
#define UNIT_MAIN(name, ...)                                                                       \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = {__VA_ARGS__};                                        \
		return unit_run(name, tests, sizeof(tests) / sizeof(tests[0]));                    \
	}

/* Where the same was done before with all its repetitions: under valgrind, which is fifty times as
 * slow and sees in one round what it sees in twenty, and in make distcheck. */
static inline bool unit_wants_few_rounds(void)
{
	return getenv("POSTERN_FEW_ROUNDS") != NULL;
}

/* How often to do what differs by number or by chance alone: n times, or a twentieth of that. */
static inline unsigned unit_times(unsigned n)
{
	return unit_wants_few_rounds() ? (n + 19) / 20 : n;
}

/* A copy with nothing after its last octet, so that a sanitizer sees a read past the end. The
 * caller frees .p (cast away the const). */
struct str unit_copy(struct str s);
void unit_free(struct str s);

/* Fails unless a and b are the same octets, and shows both. */
#define ck_assert_str(a, b) unit_assert_str((a), (b), __FILE__, __LINE__)
void unit_assert_str(struct str a, struct str b, const char *file, int line);

#endif
