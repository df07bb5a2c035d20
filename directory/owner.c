/* SPDX-License-Identifier: ISC */
#include "directory/owner.h"
#include "directory/key.h"
#include "directory/records.h"
#include "directory/resolve.h"

static bool fits(struct str pattern, struct str key)
{
	struct str local_part, domain;
	if (str_eq(pattern, STR("*")) || str_eq(pattern, key))
		return true;
	key_split(key, &local_part, &domain);
	return pattern.p[0] == '@' && str_eq(str_skip(pattern, 1), domain);
}

static enum sender_verdict ask_table(
    const struct lookup *lookup, struct str user, struct str key, struct pool *pool)
{
	struct str value;
	struct senders_record r;
	switch (lookup_get(lookup, TABLE_SENDERS, user, pool, &value)) {
	case LOOKUP_NONE:
		return SENDER_NOT_OWNED;
	case LOOKUP_FAILED:
		return SENDER_TEMPORARY;
	case LOOKUP_FOUND:
		break;
	}
	if (!senders_get(value, &r))
		return SENDER_TEMPORARY;
	for (size_t i = 0; i < r.count; i++)
		if (fits(r.patterns[i], key))
			return SENDER_OK;
	return SENDER_NOT_OWNED;
}

/* An alias of several people is nobody's own. */
static enum sender_verdict follow(const struct lookup *lookup, const struct expand_rules *rules,
    struct str user, struct str address, struct pool *pool)
{
	struct expansion x;
	struct str key;
	expand(lookup, rules, address, pool, &x);
	if (x.status == EXPAND_FAILED)
		return SENDER_TEMPORARY;
	if (x.status != EXPAND_OK || x.count != 1 || !key_address(x.targets[0].address, pool, &key))
		return SENDER_NOT_OWNED;
	return str_eq(key, user) ? SENDER_OK : SENDER_NOT_OWNED;
}

enum sender_verdict owner_check(const struct lookup *lookup, const struct expand_rules *rules,
    struct str user, struct str address, struct pool *pool)
{
	struct str key;
	struct resolved r;
	if (!key_address(address, pool, &key))
		return SENDER_NOT_OWNED;
	enum sender_verdict verdict = ask_table(lookup, user, key, pool);
	if (verdict != SENDER_NOT_OWNED)
		return verdict;
	resolve(lookup, rules, key, pool, &r);
	/* Also where an alias of that name sends copies to others. */
	if (r.kind != RESOLVED_NONE && r.kind != RESOLVED_FAILED && str_eq(r.name, user))
		return SENDER_OK;
	return follow(lookup, rules, user, address, pool);
}
