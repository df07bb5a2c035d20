/* SPDX-License-Identifier: ISC */
#include "directory/login-name.h"
#include "common/saslprep.h"
#include "common/utf8.h"
#include "directory/key.h"
#include "directory/table.h"

static struct str key_of(struct str name, struct pool *pool)
{
	struct str canonical, key;
	const char *why;
	if (!table_read_address(name, pool, &canonical, &why) ||
	    !key_address(canonical, pool, &key))
		key = str_head(name, ADDRESS_MAX);
	return key;
}

/* The name itself where it has no other form. */
static struct str prepare(struct str name, struct pool *pool)
{
	struct saslprep prepared;
	if (saslprep_make(name, SASLPREP_QUERY, &prepared) != NULL)
		return name;
	struct str copy;
	return pool_copy(pool, saslprep_str(&prepared), &copy) ? copy : name;
}

static struct str complete(struct str name, struct str domain, struct pool *pool)
{
	if (name.n == 0 || domain.n == 0 || name.n + 1 + domain.n > ADDRESS_MAX ||
	    str_find(name, '@') < name.n)
		return name;
	char *whole = pool_alloc(pool, name.n + 1 + domain.n);
	if (whole == NULL)
		return name;
	memcpy(whole, name.p, name.n);
	whole[name.n] = '@';
	memcpy(whole + name.n + 1, domain.p, domain.n);
	return str_from(whole, name.n + 1 + domain.n);
}

/* Both keys are made, whether there is such a user or not: the time is the same. */
struct str login_name_key(
    struct str name, struct str domain, const struct lookup *tables, struct pool *pool)
{
	name = complete(name, domain, pool);
	struct str sent = key_of(name, pool);
	if (utf8_is_ascii(name))
		return sent;
	struct str prepared = key_of(prepare(name, pool), pool);
	return lookup_get(tables, TABLE_USERS, sent, pool, NULL) == LOOKUP_FOUND ? sent : prepared;
}
