/* SPDX-License-Identifier: ISC
 *
 * The recipients of one message: complete, well-formed, each once, in the order in
 * which they were named.
 */
#ifndef POSTERN_CONTROL_RECIPIENTS_H
#define POSTERN_CONTROL_RECIPIENTS_H

#include "common/hash.h"
#include "common/pool.h"

struct recipients {
	struct str *list;
	size_t count;
	bool need_utf8; /* one of them has bytes above 127 */
	struct hash *seen;
	struct pool *pool;
	char why[400]; /* the fault of the last recipients_add that failed */
};

void recipients_init(struct recipients *r);
void recipients_release(struct recipients *r);
/* Adds an address, with "@origin" when it has no domain. False when it is no address; see why. */
bool recipients_add(struct recipients *r, struct str address, bool qualified, struct str origin);
/* Adds every address of a list as a header field or a command line has it. */
bool recipients_add_list(struct recipients *r, struct str list, struct str origin);

/* `address` complete, in the pool. False when it is no address (RFC 5321 §4.1.2). */
bool recipients_complete(
    struct pool *pool, struct str address, bool qualified, struct str origin, struct str *out);

#endif
