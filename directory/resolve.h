/* SPDX-License-Identifier: ISC
 *
 * One step of expansion: what an address of one of our domains is.
 */
#ifndef POSTERN_DIRECTORY_RESOLVE_H
#define POSTERN_DIRECTORY_RESOLVE_H

#include "directory/alias.h"
#include "directory/expand.h"

enum resolved_kind {
	RESOLVED_MAILBOX,
	RESOLVED_ALIAS,
	RESOLVED_NONE,
	RESOLVED_FAILED, /* a table could not be read, or a record of it is damaged */
};

struct resolved {
	enum resolved_kind kind;
	struct str name; /* the address that was found: without its extension, where that matched */
	struct alias_target *targets; /* RESOLVED_ALIAS */
	size_t count;
};

/* `key` is a key of key.h, its domain ours, or "postmaster" alone. */
void resolve(const struct lookup *lookup, const struct expand_rules *rules, struct str key,
    struct pool *pool, struct resolved *out);

#endif
