/* SPDX-License-Identifier: ISC */
#include "directory/system-lookup.h"
#include "common/user-name.h"
#include "directory/key.h"

struct str system_lookup_user(const struct conf *conf, struct str address)
{
	struct str local_part, domain;
	key_split(address, &local_part, &domain);
	if (conf == NULL || domain.n == 0 || !conf_is_system_domain(conf, domain))
		return (struct str){NULL, 0};
	return local_part;
}

struct str system_lookup_login_domain(const struct conf *conf)
{
	return conf->system.pam && conf->system.domains.count > 0
		   ? str_from_cstr(conf->system.domains.list[0])
		   : (struct str){NULL, 0};
}

static enum lookup_result get_user(struct system_lookup *s, struct str name)
{
	if (!user_name_is_sane(name))
		return LOOKUP_NONE;
	switch (s->look(s->ctx, name)) {
	case USER_FOUND:
		return LOOKUP_FOUND;
	case USER_NONE:
	case USER_BELOW:
		return LOOKUP_NONE;
	case USER_FAILED:
		return LOOKUP_FAILED;
	}
	s->missing = name;
	return LOOKUP_FAILED;
}

static enum lookup_result get(
    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value)
{
	struct system_lookup *s = ctx;
	if (table == TABLE_DOMAINS && s->conf != NULL && conf_is_system_domain(s->conf, key)) {
		if (value != NULL)
			*value = DOMAIN_SYSTEM;
		return LOOKUP_FOUND;
	}
	struct str user = {NULL, 0};
	if (table == TABLE_USERS)
		user = system_lookup_user(s->conf, key);
	if (user.n == 0)
		return lookup_get(&s->tables, table, key, pool, value);
	if (value != NULL)
		*value = STR("*");
	return get_user(s, user);
}

struct lookup system_lookup_get(struct system_lookup *s)
{
	s->missing = (struct str){NULL, 0};
	return (struct lookup){.get = get, .ctx = s};
}
