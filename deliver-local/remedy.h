/* SPDX-License-Identifier: ISC
 *
 * What the postmaster is told when a mailbox cannot be written: what is wrong and
 * what to do about it.
 */
#ifndef POSTERN_REMEDY_H
#define POSTERN_REMEDY_H

#include "common/str.h"

struct remedy {
	const char *enhanced; /* RFC 3463 */
	const char *text;
};

/* Never NULL; errnos without a row of their own share the last one. */
const struct remedy *remedy_for(int error);

#endif
