/* SPDX-License-Identifier: ISC
 *
 * What the compiled tables hold, read back: alias records, facts, hashes.
 */
#include "directory/alias.h"
#include "directory/hash-format.h"
#include "directory/map-backend.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str value = str_from(data, size);
	struct pool *pool = pool_new((size_t)1024 * 1024);
	struct buf again = BUF_INIT(ALIAS_VALUE_MAX);
	struct alias_target *targets;
	struct map_facts facts;
	size_t count;
	const char *why;
	if (alias_get(value, pool, &targets, &count) &&
	    (!alias_put(&again, targets, count) || !str_eq(buf_str(&again), value)))
		abort();
	map_facts_get(value, &facts);
	hash_format_check(value, &why);
	if (hash_setting(value).n > size)
		abort();
	buf_release(&again);
	pool_free(pool);
	return 0;
}
