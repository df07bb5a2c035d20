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
	struct str whole;
	bool lacks_one = name.n > 0 && str_find(name, '@') == name.n;
	if (!lacks_one || domain.n == 0 || name.n + 1 + domain.n > ADDRESS_MAX ||
	    !key_join(name, domain, pool, &whole))
		return name;
	return whole;
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
