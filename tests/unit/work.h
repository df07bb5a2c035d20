/* SPDX-License-Identifier: ISC
 *
 * Counts work instead of measuring time. The sources under test are compiled
 * anew with -fsanitize-coverage=trace-pc, so that every basic block they pass
 * counts one, and linked with --wrap for the C library's searches and copies, which
 * count the octets that they pass. The same input always gives the same figure.
 */
#ifndef POSTERN_TESTS_WORK_H
#define POSTERN_TESTS_WORK_H

#include "common/str.h"

typedef void work_fn(struct str input);

/* An input is `head`, `count` times `repeated`, and `tail`. */
struct work_shape {
	const char *head;
	const char *repeated;
	const char *tail;
	size_t count;
};

/* Fails the running test when four times the count needs more than six times the work (what is
 * quadratic needs sixteen times), or more than `per_octet` for an octet of the input. */
void work_assert_linear(
    const char *name, work_fn *fn, const struct work_shape *shape, unsigned per_octet);

#endif
