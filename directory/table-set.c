/* SPDX-License-Identifier: ISC */
#include "directory/table-set.h"
#include "common/mem.h"
#include "directory/password.h"
#include "directory/user-record.h"

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

/* How many users have what, of a few kinds. Those beyond the first few kinds are not counted: an
 * operator has one or two. */
struct tally {
	struct {
		uint64_t kind, users;
		char hash[HASH_MAX + 1]; /* the first one seen */
		struct str setting;
	} rows[SETTINGS_MAX];
	size_t count;
};

struct census {
	struct tally settings, iterations;
	uint64_t without_keys;
};

/* Kinds are told apart by number and text. */
static size_t find_kind(struct tally *t, uint64_t kind, struct str setting)
{
	size_t i = 0;
	while (i < t->count && (t->rows[i].kind != kind || !str_eq(t->rows[i].setting, setting)))
		i++;
	return i;
}

static void count_one(struct tally *t, uint64_t kind, struct str hash, size_t setting_length)
{
	size_t i = find_kind(t, kind, str_head(hash, setting_length));
	if (i == SETTINGS_MAX)
		return;
	if (i == t->count) {
		t->rows[i].kind = kind;
		if (hash.n > 0)
			memcpy(t->rows[i].hash, hash.p, hash.n);
		t->rows[i].setting = str_from(t->rows[i].hash, setting_length);
		t->count++;
	}
	t->rows[i].users++;
}

static size_t most(const struct tally *t)
{
	size_t best = 0;
	for (size_t i = 1; i < t->count; i++)
		if (t->rows[i].users > t->rows[best].users)
			best = i;
	return best;
}

static bool count_user(void *ctx, struct str key, struct str value)
{
	struct census *c = ctx;
	struct user_record user;
	(void)key;
	bool sound = user_record_parse(value, &user) == NULL;
	struct str setting = hash_setting(user.hash);
	if (setting.n > 0 && user.hash.n <= HASH_MAX)
		count_one(&c->settings, 0, user.hash, setting.n);
	if (sound && user.has_keys)
		count_one(&c->iterations, user.keys.iterations, (struct str){NULL, 0}, 0);
	else if (!hash_is_locked(user.hash))
		c->without_keys++;
	password_wipe(&user, sizeof(user));
	return true;
}

/* What those who are no users are taken for. */
static bool choose_stand_ins(struct table_set *set)
{
	struct census *c = xcalloc(1, sizeof(*c));
	bool ok = map_each(set->maps[TABLE_USERS], count_user, c);
	memcpy(set->stand_in, c->settings.rows[most(&c->settings)].hash, sizeof(set->stand_in));
	set->iterations = (uint32_t)c->iterations.rows[most(&c->iterations)].kind;
	set->all_have_keys = c->without_keys == 0 && c->iterations.count > 0;
	password_wipe(c, sizeof(*c));
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
	return choose_stand_ins(set) || fail(fault, TABLE_USERS, "is damaged");
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
