/* SPDX-License-Identifier: ISC
 *
 * Who runs sendmail: the real user, as the password file knows him.
 */
#ifndef POSTERN_CONTROL_CALLER_H
#define POSTERN_CONTROL_CALLER_H

#include "common/buf.h"

struct caller {
	struct buf login; /* "uid4711" when the password file has no entry */
	struct buf name;  /* may be empty */
};

void caller_find(struct caller *c);
void caller_release(struct caller *c);

#endif
