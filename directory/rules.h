/* SPDX-License-Identifier: ISC
 *
 * The configuration's part in expansion.
 */
#ifndef POSTERN_DIRECTORY_RULES_H
#define POSTERN_DIRECTORY_RULES_H

#include "common/conf.h"
#include "directory/expand.h"

#define RULES_POOL_MAX ((size_t)16 * 1024)

/* False when the postmaster is no address; it is then left out. Strings live in the pool; the
 * configuration must live as long as the rules. */
bool rules_from_conf(const struct conf *conf, struct pool *pool, struct expand_rules *out);

#endif
