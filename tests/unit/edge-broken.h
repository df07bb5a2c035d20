/* SPDX-License-Identifier: ISC
 *
 * For who plays control to one program: the edges that it loses are of no concern to the test.
 */
#ifndef POSTERN_TESTS_EDGE_BROKEN_H
#define POSTERN_TESTS_EDGE_BROKEN_H

#include "common/msg-supervision.h"

static inline bool edge_broken_ignore(void *ctx, const struct msg_edge_broken *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

#endif
