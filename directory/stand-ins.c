/* SPDX-License-Identifier: ISC */
#include "directory/stand-ins.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
	const struct stand_in *a = left, *b = right;
	size_t n = a->setting_size < b->setting_size ? a->setting_size : b->setting_size;
	int order = memcmp(a->hash, b->hash, n);
	if (order != 0)
		return order;
	if (a->setting_size != b->setting_size)
		return a->setting_size < b->setting_size ? -1 : 1;
	if (a->iterations != b->iterations)
		return a->iterations < b->iterations ? -1 : 1;
	return a->salt_size == b->salt_size ? 0 : a->salt_size < b->salt_size ? -1 : 1;
}

void stand_ins_count(struct stand_ins *s, const struct user_record *user)
{
	struct stand_in kind = {.users = 1, .setting_size = hash_setting(user->hash).n};
	size_t i = 0;
	if (kind.setting_size == 0 || user->hash.n > HASH_MAX)
		return;
	memcpy(kind.hash, user->hash.p, user->hash.n);
	if (user->has_keys) {
		kind.iterations = user->keys.iterations;
		kind.salt_size = user->keys.salt_size;
	}
	while (i < s->count && compare(&s->kinds[i], &kind) != 0)
		i++;
	if (i < s->count)
		s->kinds[i].users++;
	else if (s->count < STAND_INS_MAX)
		s->kinds[s->count++] = kind;
}

void stand_ins_sort(struct stand_ins *s)
{
	qsort(s->kinds, s->count, sizeof(s->kinds[0]), compare);
}

static uint64_t users_of(const struct stand_in *kind, bool with_keys)
{
	return with_keys && kind->iterations == 0 ? 0 : kind->users;
}

/* The lot is a fraction of all users, in the order of the kinds. */
static const struct stand_in *pick(const struct stand_ins *s, uint32_t lot, bool with_keys)
{
	uint64_t all = 0;
	for (size_t i = 0; i < s->count; i++)
		all += users_of(&s->kinds[i], with_keys);
	uint64_t at = (all * lot) >> 32;
	for (size_t i = 0; i < s->count; i++) {
		uint64_t here = users_of(&s->kinds[i], with_keys);
		if (at < here)
			return &s->kinds[i];
		at -= here;
	}
	return NULL;
}

const char *stand_ins_hash(const struct stand_ins *s, const struct stand_in_lot *lot)
{
	const struct stand_in *kind = pick(s, lot->kind, false);
	return kind == NULL ? NULL : kind->hash;
}

const struct stand_in *stand_ins_keys(
    const struct stand_ins *s, const struct stand_in_lot *lot, bool has_hash)
{
	const struct stand_in *kind = has_hash ? NULL : pick(s, lot->kind, false);
	/* Of a kind without keys: as its users, who have to stand in for themselves. */
	return kind != NULL && kind->iterations != 0 ? kind : pick(s, lot->keys, true);
}
