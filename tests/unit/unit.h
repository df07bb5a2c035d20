/* SPDX-License-Identifier: ISC
 *
 * What the unit tests share.
 */
#ifndef POSTERN_TESTS_UNIT_H
#define POSTERN_TESTS_UNIT_H

#include "common/str.h"

#include <check.h>

/* Runs the tests, each in a process of its own; main returns what it returns. */
int unit_run(const char *name, const TTest *const tests[], size_t count);
#define UNIT_MAIN(name, ...)                                                                       \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = {__VA_ARGS__};                                        \
		return unit_run(name, tests, sizeof(tests) / sizeof(tests[0]));                    \
	}

/* A copy with nothing after its last octet, so that a sanitizer sees a read past the end. The
 * caller frees .p (cast away the const). */
struct str unit_copy(struct str s);
void unit_free(struct str s);

/* Fails unless a and b are the same octets, and shows both. */
#define ck_assert_str(a, b) unit_assert_str((a), (b), __FILE__, __LINE__)
void unit_assert_str(struct str a, struct str b, const char *file, int line);

#endif
