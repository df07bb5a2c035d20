/* SPDX-License-Identifier: ISC
 *
 * What the compiled tables hold, read back: alias records, routes, TLS policies,
 * logins, facts, hashes.
 */
#include "directory/alias.h"
#include "directory/hash-format.h"
#include "directory/map-backend.h"
#include "directory/records.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(struct buf *again, bool put, struct str value)
{
	if (!put || !str_eq(buf_str(again), value))
		abort();
	buf_release(again);
}

static void check_ways(struct str value)
{
	struct buf again = BUF_INIT(RECORD_VALUE_MAX);
	struct route_record route;
	struct tls_record tls;
	struct login_record login;
	struct senders_record senders;
	if (route_get(value, &route))
		check_again(&again, route_put(&again, &route), value);
	if (tls_get(value, &tls))
		check_again(&again, tls_put(&again, &tls), value);
	if (login_get(value, &login))
		check_again(&again, login_put(&again, &login), value);
	if (senders_get(value, &senders))
		check_again(&again, senders_put(&again, &senders), value);
}

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
	check_ways(value);
	map_facts_get(value, &facts);
	hash_format_check(value, &why);
	if (hash_setting(value).n > size)
		abort();
	buf_release(&again);
	pool_free(pool);
	return 0;
}
