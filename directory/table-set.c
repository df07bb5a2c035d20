/* SPDX-License-Identifier: ISC */
#include "directory/table-set.h"
#include "common/mem.h"
#include "directory/password.h"

#include <stdlib.h>

enum { SETTINGS_MAX = 8 };

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

/* How many users have hashes of which setting. Those beyond the first few settings are not
 * counted: an operator has one or two. */
struct census {
	struct {
		char hash[HASH_MAX + 1]; /* the first one seen */
		size_t setting_length;
		uint64_t users;
	} rows[SETTINGS_MAX];
	size_t count;
};

static bool count_user(void *ctx, struct str key, struct str value)
{
	struct census *c = ctx;
	struct str setting = hash_setting(value);
	(void)key;
	if (setting.n == 0 || value.n > HASH_MAX)
		return true;
	size_t i = 0;
	while (
	    i < c->count && !str_eq(str_from(c->rows[i].hash, c->rows[i].setting_length), setting))
		i++;
	if (i == SETTINGS_MAX)
		return true;
	if (i == c->count) {
		memcpy(c->rows[i].hash, value.p, value.n);
		c->rows[i].setting_length = setting.n;
		c->count++;
	}
	c->rows[i].users++;
	return true;
}

static bool choose_stand_in(struct table_set *set)
{
	struct census *c = xcalloc(1, sizeof(*c));
	bool ok = map_each(set->maps[TABLE_USERS], count_user, c);
	size_t best = 0;
	for (size_t i = 1; i < c->count; i++)
		if (c->rows[i].users > c->rows[best].users)
			best = i;
	if (c->count > 0)
		memcpy(set->stand_in, c->rows[best].hash, sizeof(set->stand_in));
	free(c);
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
	return choose_stand_in(set) || fail(fault, TABLE_USERS, "is damaged");
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
	password_wipe(set->stand_in, sizeof(set->stand_in));
	free(set);
}
