/* SPDX-License-Identifier: ISC
 *
 * The order of look-ups of expand.h. Each step says found, failed, or goes on.
 */
#include "directory/resolve.h"
#include "directory/key.h"

struct query {
	const struct lookup *lookup;
	const struct expand_rules *rules;
	struct pool *pool;
	struct resolved *out;
};

/* Each step returns true when the search is over. */
static bool over(struct query *q, enum resolved_kind kind, struct str name)
{
	q->out->kind = kind;
	q->out->name = name;
	return true;
}

static bool find_alias(struct query *q, struct str key, struct str name)
{
	struct str value;
	switch (lookup_get(q->lookup, TABLE_ALIASES, key, q->pool, &value)) {
	case LOOKUP_NONE:
		return false;
	case LOOKUP_FOUND:
		if (alias_get(value, q->pool, &q->out->targets, &q->out->count))
			return over(q, RESOLVED_ALIAS, name);
		break;
	case LOOKUP_FAILED:
		break;
	}
	return over(q, RESOLVED_FAILED, name);
}

static bool find_mailbox(struct query *q, struct str name)
{
	switch (lookup_get(q->lookup, TABLE_USERS, name, q->pool, NULL)) {
	case LOOKUP_NONE:
		return false;
	case LOOKUP_FOUND:
		return over(q, RESOLVED_MAILBOX, name);
	case LOOKUP_FAILED:
		break;
	}
	return over(q, RESOLVED_FAILED, name);
}

static bool find_exact(struct query *q, struct str local_part, struct str domain)
{
	struct str name = local_part;
	if (domain.n == 0)
		return find_alias(q, local_part, name);
	if (!key_join(local_part, domain, q->pool, &name))
		return over(q, RESOLVED_FAILED, name);
	return find_alias(q, name, name) || find_mailbox(q, name) ||
	       find_alias(q, local_part, name);
}

/* The local part up to its first delimiter; the whole when it has no extension. A quoted one has
 * none, and neither has one that begins with a delimiter. */
static struct str without_extension(const struct expand_rules *rules, struct str local_part)
{
	if (local_part.n == 0 || local_part.p[0] == '"')
		return local_part;
	for (size_t i = 1; i < local_part.n; i++)
		if (str_find(rules->delimiters, local_part.p[i]) < rules->delimiters.n)
			return str_head(local_part, i);
	return local_part;
}

/* RFC 5321 §4.5.1: mail for postmaster is accepted in every domain. */
static bool find_postmaster(struct query *q, struct str local_part, struct str key)
{
	if (!str_eq(local_part, STR("postmaster")) || q->rules->postmaster.n == 0)
		return false;
	struct alias_target *t = pool_alloc(q->pool, sizeof(*t));
	struct str own;
	if (t == NULL || !key_address(q->rules->postmaster, q->pool, &own))
		return over(q, RESOLVED_FAILED, key);
	if (str_eq(own, key))
		return false;
	*t = (struct alias_target){.kind = ALIAS_ADDRESS, .text = q->rules->postmaster};
	q->out->targets = t;
	q->out->count = 1;
	return over(q, RESOLVED_ALIAS, key);
}

static bool find_catch_all(struct query *q, struct str domain, struct str key)
{
	struct str catch_all;
	if (domain.n == 0)
		return false;
	if (!key_join((struct str){NULL, 0}, domain, q->pool, &catch_all))
		return over(q, RESOLVED_FAILED, key);
	return find_alias(q, catch_all, key);
}

void resolve(const struct lookup *lookup, const struct expand_rules *rules, struct str key,
    struct pool *pool, struct resolved *out)
{
	struct query q = {.lookup = lookup, .rules = rules, .pool = pool, .out = out};
	struct str local_part, domain;
	*out = (struct resolved){.kind = RESOLVED_NONE, .name = key};
	key_split(key, &local_part, &domain);
	struct str base = without_extension(rules, local_part);
	if (find_exact(&q, local_part, domain))
		return;
	if (base.n < local_part.n && find_exact(&q, base, domain))
		return;
	if (find_postmaster(&q, base, key))
		return;
	find_catch_all(&q, domain, key);
}
