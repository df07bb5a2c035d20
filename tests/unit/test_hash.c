/* SPDX-License-Identifier: ISC */
#include "common/hash.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

struct entry {
	uint64_t id;
	bool present;
	unsigned visits;
};

static struct str key_of(const void *entry)
{
	return str_from(&((const struct entry *)entry)->id, sizeof(uint64_t));
}

static struct str key(const uint64_t *id)
{
	return str_from(id, sizeof(*id));
}

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return random_state >> 33;
}

START_TEST(siphash_is_the_published_one)
{
	/* The paper's test vector, and two of its reference implementation's list. */
	uint8_t k[16];
	uint8_t in[15];
	for (uint8_t i = 0; i < 16; i++)
		k[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	ck_assert_uint_eq(siphash24(k, in, 15), 0xa129ca6149be45e5);
	ck_assert_uint_eq(siphash24(k, in, 0), 0x726fdb47dd0e0e31);
	ck_assert_uint_eq(siphash24(k, in, 8), 0x93f5f5799a932462);
}
END_TEST

static void visit(void *entry, void *ctx)
{
	((struct entry *)entry)->visits++;
	(*(size_t *)ctx)++;
}

/* Against a model, through growing and shrinking. */
START_TEST(it_is_a_map)
{
	enum { ENTRIES = 3000, STEPS = 200000 };
	struct entry *all = calloc(ENTRIES, sizeof(*all));
	struct hash *h = hash_new(key_of);
	size_t count = 0;
	for (size_t i = 0; i < ENTRIES; i++)
		all[i].id = i * 0x100000001;
	const size_t steps = unit_times(STEPS);
	for (size_t step = 0; step < steps; step++) {
		struct entry *e = &all[next_random() % ENTRIES];
		bool fills = step / (steps / 10) % 2 == 0; /* by turns it grows and shrinks */
		ck_assert_ptr_eq(hash_find(h, key(&e->id)), e->present ? e : NULL);
		if (next_random() % 10 < (fills ? 8 : 2)) {
			ck_assert_ptr_eq(hash_put(h, e), e->present ? e : NULL);
			count += !e->present;
			e->present = true;
		} else {
			ck_assert_ptr_eq(hash_take(h, key(&e->id)), e->present ? e : NULL);
			count -= e->present;
			e->present = false;
		}
		ck_assert_uint_eq(hash_count(h), count);
	}
	size_t visits = 0;
	hash_each(h, visit, &visits);
	ck_assert_uint_eq(visits, count);
	for (size_t i = 0; i < ENTRIES; i++)
		ck_assert_uint_eq(all[i].visits, all[i].present ? 1 : 0);
	hash_clear(h);
	ck_assert_uint_eq(hash_count(h), 0);
	ck_assert_ptr_null(hash_find(h, key(&all[0].id)));
	hash_free(h);
	free(all);
}
END_TEST

START_TEST(an_equal_key_replaces)
{
	struct entry a = {.id = 7};
	struct entry b = {.id = 7};
	struct hash *h = hash_new(key_of);
	ck_assert_ptr_null(hash_put(h, &a));
	ck_assert_ptr_eq(hash_put(h, &b), &a);
	ck_assert_ptr_eq(hash_find(h, key(&a.id)), &b);
	ck_assert_uint_eq(hash_count(h), 1);
	hash_free(h);
}
END_TEST

START_TEST(an_empty_table_answers)
{
	uint64_t id = 1;
	size_t visits = 0;
	struct hash *h = hash_new(key_of);
	ck_assert_ptr_null(hash_find(h, key(&id)));
	ck_assert_ptr_null(hash_take(h, key(&id)));
	hash_each(h, visit, &visits);
	ck_assert_uint_eq(visits, 0);
	hash_clear(h);
	hash_free(h);
	hash_free(NULL);
}
END_TEST

static struct str text_of(const void *entry)
{
	return *(const struct str *)entry;
}

START_TEST(keys_may_be_empty_or_hold_nul)
{
	struct str texts[] = {STR(""), STR("\0"), STR("\0\0"), STR("a"), STR("a\0")};
	struct hash *h = hash_new(text_of);
	for (size_t i = 0; i < 5; i++)
		ck_assert_ptr_null(hash_put(h, &texts[i]));
	for (size_t i = 0; i < 5; i++)
		ck_assert_ptr_eq(hash_find(h, texts[i]), &texts[i]);
	ck_assert_ptr_eq(hash_find(h, (struct str){NULL, 0}), &texts[0]);
	hash_free(h);
}
END_TEST

START_TEST(the_process_key_differs)
{
	/* Were it a constant, this value would be known to everybody. */
	static const uint8_t zero[16];
	ck_assert(hash_bytes("abc", 3) != siphash24(zero, "abc", 3));
	ck_assert_uint_eq(hash_bytes("abc", 3), hash_bytes("abc", 3));
}
END_TEST

UNIT_MAIN("hash", siphash_is_the_published_one, it_is_a_map, an_equal_key_replaces,
    an_empty_table_answers, keys_may_be_empty_or_hold_nul, the_process_key_differs)
