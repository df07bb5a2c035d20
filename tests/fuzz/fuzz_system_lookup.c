/* SPDX-License-Identifier: ISC
 *
 * Whatever address is looked up: nothing but the sane name of a user is ever asked for, and it is
 * the address's local part in a system domain. Input: an address.
 */
#include "common/user-name.h"
#include "directory/key.h"
#include "directory/system-lookup.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str asked;

static enum user_verdict look(void *ctx, struct str name)
{
	(void)ctx;
	asked = name;
	if (!user_name_is_sane(name) || memchr(name.p, '/', name.n) != NULL || name.p[0] == '.')
		abort();
	return USER_FOUND;
}

static enum lookup_result none(
    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value)
{
	(void)ctx;
	(void)table;
	(void)key;
	(void)pool;
	(void)value;
	return LOOKUP_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *domains[] = {(char *)(uintptr_t) "h.example", (char *)(uintptr_t) "a"};
	const struct conf conf = {.system.domains = {domains, 2}};
	struct system_lookup s = {.tables = {.get = none}, .conf = &conf, .look = look};
	const struct lookup l = system_lookup_get(&s);
	struct pool *pool = pool_new(64 * 1024);
	struct str key, local_part, domain;
	asked = (struct str){NULL, 0};
	if (key_address(str_from(data, size), pool, &key)) {
		key_split(key, &local_part, &domain);
		enum lookup_result r = lookup_get(&l, TABLE_USERS, key, pool, NULL);
		if ((r == LOOKUP_FOUND) != (asked.n > 0) ||
		    (asked.n > 0 &&
			(!str_eq(asked, local_part) || !conf_is_system_domain(&conf, domain))))
			abort();
	}
	pool_free(pool);
	return 0;
}
