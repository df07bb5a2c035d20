/* SPDX-License-Identifier: ISC
 *
 * An alias's targets as the compiled table keeps them.
 */
#ifndef POSTERN_DIRECTORY_ALIAS_H
#define POSTERN_DIRECTORY_ALIAS_H

#include "common/limits.h"
#include "common/wire.h"

enum alias_kind {
	ALIAS_ADDRESS = 1,    /* text: a canonical address */
	ALIAS_LOCAL_PART = 2, /* text: a local part, in the domain of the address it replaces */
	ALIAS_DOMAIN = 3,     /* text: a domain; the local part stays (catch-alls only; alone) */
	ALIAS_DISCARD = 4,    /* accepted and thrown away (alone) */
	ALIAS_REFUSE = 5,     /* text: what the sender is told (alone) */
};

struct alias_target {
	struct str text;
	enum alias_kind kind;
};

/* Octets that one alias's record can have. */
#define ALIAS_VALUE_MAX (2 + (size_t)EXPANSION_MAX * (1 + 4 + REASON_MAX))

/* Appends the record; false past the buffer's ceiling or EXPANSION_MAX. */
bool alias_put(struct buf *b, const struct alias_target *targets, size_t count);
/* False for anything alias_put does not write. Strings point into the value. */
bool alias_get(struct str value, struct pool *pool, struct alias_target **targets, size_t *count);

#endif
