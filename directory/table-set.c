/* SPDX-License-Identifier: ISC */
#include "directory/table-set.h"
#include "common/mem.h"
#include "directory/password.h"
#include "directory/user-record.h"

#include <stdlib.h>

void table_files_look(int dirfd, struct table_files *out)
{
	*out = (struct table_files){0};
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (!map_identify(dirfd, (enum table_id)i, &out->of[i]))
			out->of[i] = (struct map_identity){0};
}

bool table_files_eq(const struct table_files *a, const struct table_files *b)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (!map_identity_eq(&a->of[i], &b->of[i]))
			return false;
	return true;
}

struct census {
	struct stand_ins *stand_ins;
	uint64_t with_keys, without_keys;
};

static bool count_user(void *ctx, struct str key, struct str value)
{
	struct census *c = ctx;
	struct user_record user;
	(void)key;
	if (user_record_parse(value, &user) != NULL)
		user.has_keys = false;
	stand_ins_count(c->stand_ins, &user);
	if (user.has_keys)
		c->with_keys++;
	else if (!hash_is_locked(user.hash))
		c->without_keys++;
	password_wipe(&user, sizeof(user));
	return true;
}

static bool take_census(struct table_set *set)
{
	struct census c = {.stand_ins = &set->stand_ins};
	bool ok = map_each(set->maps[TABLE_USERS], count_user, &c);
	stand_ins_sort(&set->stand_ins);
	set->all_have_keys = c.without_keys == 0 && c.with_keys > 0;
	return ok;
}

static bool fail(struct table_set_fault *fault, enum table_id table, const char *why)
{
	*fault = (struct table_set_fault){.table = table, .why = why};
	return false;
}

static bool open_maps(
    struct table_set *set, int dirfd, struct table_files *files, struct table_set_fault *fault)
{
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		const char *why;
		set->maps[i] = map_open(dirfd, (enum table_id)i, &files->of[i], &why);
		if (set->maps[i] == NULL)
			return fail(fault, (enum table_id)i, why);
	}
	uint64_t number = map_get_facts(set->maps[0])->set;
	for (size_t i = 1; i < TABLE_COUNT; i++)
		if (map_get_facts(set->maps[i])->set != number)
			return fail(fault, TABLE_COUNT, "are not of one set");
	return take_census(set) || fail(fault, TABLE_USERS, "is damaged");
}

struct table_set *table_set_open(
    int dirfd, struct table_files *files, struct table_set_fault *fault)
{
	struct table_set *set = xcalloc(1, sizeof(*set));
	*files = (struct table_files){0};
	if (open_maps(set, dirfd, files, fault))
		return set;
	table_set_close(set);
	return NULL;
}

void table_set_close(struct table_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < TABLE_COUNT; i++)
		map_close(set->maps[i]);
	password_wipe(&set->stand_ins, sizeof(set->stand_ins));
	free(set);
}
