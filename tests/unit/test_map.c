/* SPDX-License-Identifier: ISC
 *
 * Compiled tables: what is built is read; what is cut, flipped, swapped or
 * overwritten is noticed; what is in use stays as it was.
 */
#include "common/mem.h"
#include "directory/map-backend.h"
#include "directory/map-build.h"
#include "directory/map-seal.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 2000 };

static char *dir;
static int dirfd_;
static struct pool *pool;

static void setup(void)
{
	dir = fixture_directory();
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dirfd_, 0);
	pool = pool_new((size_t)8 * 1024 * 1024);
}

static void teardown(void)
{
	map_set_image_max(MAP_IMAGE_MAX);
	pool_free(pool);
	close(dirfd_);
	fixture_remove(dir);
}

static struct str numbered(char out[64], const char *prefix, unsigned i)
{
	int n = snprintf(out, 64, "%s%06u@example.org", prefix, i);
	return str_from(out, (size_t)n);
}

static struct map_build *begin(enum table_id table, const char *prefix, unsigned records)
{
	const struct map_owner owner = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0640};
	struct map_build *b = map_build_new(dirfd_, dir, table, &owner);
	ck_assert_ptr_nonnull(b);
	for (unsigned i = 0; i < records; i++) {
		char key[64], value[64];
		ck_assert(map_build_put(b, numbered(key, prefix, i), numbered(value, "v", i)));
	}
	return b;
}

static void build(enum table_id table, const char *prefix, unsigned records)
{
	const struct map_facts facts = {.built = 1, .set = 2, .text_size = 3, .text_mtime = 4};
	struct map_build *b = begin(table, prefix, records);
	ck_assert(map_build_finish(b, &facts));
	ck_assert(map_build_install(b));
	map_build_free(b);
}

static struct map *must_open(enum table_id table)
{
	const char *why = "";
	struct map *m = map_open(dirfd_, table, NULL, &why);
	ck_assert_msg(m != NULL, "%s", why);
	return m;
}

static const char *must_fail(enum table_id table)
{
	const char *why = NULL;
	struct map *m = map_open(dirfd_, table, NULL, &why);
	ck_assert_ptr_null(m);
	ck_assert_ptr_nonnull(why);
	return why;
}

static void check_records(struct map *m, const char *prefix, unsigned records)
{
	for (unsigned i = 0; i < records; i++) {
		char key[64], value[64];
		struct str got;
		pool_reset(pool);
		ck_assert_int_eq(map_get(m, numbered(key, prefix, i), pool, &got), LOOKUP_FOUND);
		ck_assert(str_eq(got, numbered(value, "v", i)));
	}
	ck_assert_int_eq(map_get(m, STR("nobody@example.org"), pool, NULL), LOOKUP_NONE);
}

struct walk {
	unsigned count, stop_at;
	char last[64];
};

static bool walk_record(void *ctx, struct str key, struct str value)
{
	struct walk *w = ctx;
	(void)value;
	ck_assert_uint_lt(key.n, sizeof(w->last));
	ck_assert_int_gt(strncmp(key.p, w->last, key.n), 0);
	memcpy(w->last, key.p, key.n);
	w->last[key.n] = '\0';
	return ++w->count != w->stop_at;
}

START_TEST(round_trip)
{
	struct walk all = {0}, some = {.stop_at = 7};
	map_set_image_max(_i == 0 ? MAP_IMAGE_MAX : 0); /* in memory, in place */
	build(TABLE_USERS, "u", RECORDS);
	struct map *m = must_open(TABLE_USERS);
	check_records(m, "u", RECORDS);
	ck_assert(map_each(m, walk_record, &all));
	ck_assert_uint_eq(all.count, RECORDS);
	ck_assert(map_each(m, walk_record, &some));
	ck_assert_uint_eq(some.count, 7);
	const struct map_facts *f = map_get_facts(m);
	ck_assert_uint_eq(f->count, RECORDS);
	ck_assert_uint_eq(f->built, 1);
	ck_assert_uint_eq(f->set, 2);
	ck_assert_uint_eq(f->text_size, 3);
	ck_assert_uint_eq(f->text_mtime, 4);
	/* The facts are no record. */
	ck_assert_int_eq(map_get(m, MAP_FACTS_KEY, pool, NULL), LOOKUP_NONE);
	map_close(m);
	ck_assert(!fixture_exists(dir, "users.db.new"));
}
END_TEST

START_TEST(empty_and_large_values)
{
	const struct map_owner owner = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600};
	const struct map_facts facts = {0};
	struct str got;
	char *large = xcalloc(1, 400000);
	struct map_build *b = map_build_new(dirfd_, dir, TABLE_ALIASES, &owner);
	memset(large, 'x', 400000);
	ck_assert(map_build_put(b, STR("a"), (struct str){NULL, 0}));
	ck_assert(map_build_put(b, STR("b"), str_from(large, 400000)));
	ck_assert(!map_build_put(b, STR("b"), STR("again")));
	map_build_free(b);
	ck_assert(!fixture_exists(dir, "aliases.db.new"));
	b = map_build_new(dirfd_, dir, TABLE_ALIASES, &owner);
	ck_assert(map_build_put(b, STR("a"), (struct str){NULL, 0}));
	ck_assert(map_build_put(b, STR("b"), str_from(large, 400000)));
	ck_assert(map_build_finish(b, &facts));
	ck_assert(map_build_install(b));
	map_build_free(b);
	struct map *m = must_open(TABLE_ALIASES);
	ck_assert_int_eq(map_get(m, STR("a"), pool, &got), LOOKUP_FOUND);
	ck_assert_uint_eq(got.n, 0);
	ck_assert_int_eq(map_get(m, STR("b"), pool, &got), LOOKUP_FOUND);
	ck_assert(str_eq(got, str_from(large, 400000)));
	map_close(m);
	free(large);
}
END_TEST

/* Not finished, or finished and not installed: the old file stays. */
START_TEST(unfinished_builds_change_nothing)
{
	const struct map_facts facts = {0};
	build(TABLE_USERS, "old", 10);
	struct map_build *b = begin(TABLE_USERS, "new", 20);
	map_build_free(b);
	b = begin(TABLE_USERS, "new", 20);
	ck_assert(map_build_finish(b, &facts));
	ck_assert(fixture_exists(dir, "users.db.new"));
	map_build_free(b);
	ck_assert(!fixture_exists(dir, "users.db.new"));
	struct map *m = must_open(TABLE_USERS);
	check_records(m, "old", 10);
	map_close(m);
	/* A leftover of a crash is in nobody's way. */
	fixture_write(dir, "users.db.new", "junk");
	build(TABLE_USERS, "new", 20);
	m = must_open(TABLE_USERS);
	check_records(m, "new", 20);
	map_close(m);
}
END_TEST

/* What a crash leaves when it comes before the facts are written, or before the seal. */
START_TEST(a_file_without_facts_or_seal_is_refused)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/users.db", dir);
	void *h = map_bdb_maker.create(path);
	ck_assert_ptr_nonnull(h);
	ck_assert(map_bdb_maker.put(h, STR("ann@example.org"), STR("*")));
	ck_assert(map_bdb_maker.finish(h));
	ck_assert_ptr_nonnull(strstr(must_fail(TABLE_USERS), "half written"));
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert(map_seal_put(fd));
	close(fd);
	ck_assert_ptr_nonnull(strstr(must_fail(TABLE_USERS), "does not say what it is"));
}
END_TEST

static void write_octets(const char *name, const char *p, size_t n)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	close(fd);
}

START_TEST(cut_files_are_refused)
{
	size_t n;
	map_set_image_max(_i == 0 ? MAP_IMAGE_MAX : 0);
	build(TABLE_USERS, "u", RECORDS);
	char *whole = fixture_read(dir, "users.db", &n);
	size_t fds = unit_descriptors();
	for (size_t cut = 0; cut < n; cut += cut % 4096 == 0 ? 100 : 3996) {
		write_octets("users.db", whole, cut);
		must_fail(TABLE_USERS);
	}
	ck_assert_uint_eq(unit_descriptors(), fds);
	write_octets("users.db", whole, n);
	map_close(must_open(TABLE_USERS));
	free(whole);
}
END_TEST

/* A flipped bit in each page, at several places of it. */
START_TEST(flipped_bits_are_noticed)
{
	static const size_t places[] = {0, 12, 25, 30, 200, 2048, 4095};
	size_t n;
	map_set_image_max(_i == 0 ? MAP_IMAGE_MAX : 0);
	build(TABLE_USERS, "u", 300);
	char *whole = fixture_read(dir, "users.db", &n);
	size_t fds = unit_descriptors();
	for (size_t page = 0; page < n; page += 4096)
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			whole[page + places[i]] ^= 0x10;
			write_octets("users.db", whole, n);
			must_fail(TABLE_USERS);
			whole[page + places[i]] ^= 0x10;
		}
	ck_assert_uint_eq(unit_descriptors(), fds);
	free(whole);
}
END_TEST

START_TEST(other_files_are_refused)
{
	char from[256], to[256];
	ck_assert_ptr_nonnull(strstr(must_fail(TABLE_USERS), "missing"));
	fixture_write(dir, "users.db", "");
	must_fail(TABLE_USERS);
	fixture_write(dir, "users.db", "ann@example.org:*\n");
	must_fail(TABLE_USERS);
	build(TABLE_ALIASES, "a", 3);
	snprintf(from, sizeof(from), "%s/aliases.db", dir);
	snprintf(to, sizeof(to), "%s/users.db", dir);
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_ptr_nonnull(strstr(must_fail(TABLE_USERS), "another table"));
	ck_assert_int_eq(rename(to, from), 0);
	ck_assert_int_eq(symlink(from, to), 0);
	ck_assert_ptr_nonnull(strstr(must_fail(TABLE_USERS), "symbolic link"));
	ck_assert_int_eq(unlink(to), 0);
	ck_assert_int_eq(mkfifo(to, 0600), 0);
	ck_assert_ptr_nonnull(strstr(must_fail(TABLE_USERS), "regular"));
}
END_TEST

/* What is open does not change with its file, whether that is replaced or overwritten. */
START_TEST(an_image_stays_as_it_was)
{
	size_t n;
	build(TABLE_USERS, "new", RECORDS);
	char *other = fixture_read(dir, "users.db", &n);
	build(TABLE_USERS, "old", RECORDS);
	struct map *m = must_open(TABLE_USERS);
	write_octets("users.db", other, n);
	ck_assert(map_is_intact(m));
	check_records(m, "old", RECORDS);
	write_octets("users.db", "", 0);
	check_records(m, "old", RECORDS);
	map_close(m);
	free(other);
}
END_TEST

START_TEST(a_file_read_in_place_is_watched)
{
	size_t n;
	map_set_image_max(0);
	build(TABLE_USERS, "new", RECORDS);
	char *other = fixture_read(dir, "users.db", &n);
	build(TABLE_USERS, "old", RECORDS);
	struct map *m = must_open(TABLE_USERS);
	build(TABLE_USERS, "third", RECORDS); /* by rename: the open one lives on */
	check_records(m, "old", RECORDS);
	map_close(m);
	m = must_open(TABLE_USERS);
	check_records(m, "third", RECORDS);
	write_octets("users.db", other, n); /* in place, and sound in itself */
	char key[64];
	for (unsigned i = 0; i < RECORDS; i++)
		ck_assert_int_eq(map_get(m, numbered(key, "third", i), pool, NULL), LOOKUP_FAILED);
	ck_assert(!map_is_intact(m));
	map_close(m);
	free(other);
}
END_TEST

/* CVE-2017-10140: what lies in the current directory has no say. */
START_TEST(no_db_config)
{
	char cwd[4096], path[256];
	struct stat st;
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	fixture_write(dir, "DB_CONFIG", "set_data_dir /nonexistent\nset_flags DB_NONSENSE\n");
	build(TABLE_USERS, "u", 3);
	ck_assert_int_eq(chdir(dir), 0);
	struct map *m = must_open(TABLE_USERS);
	check_records(m, "u", 3);
	map_close(m);
	ck_assert_int_eq(chdir(cwd), 0);
	snprintf(path, sizeof(path), "%s/users.db", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
}
END_TEST

START_TEST(identities)
{
	struct map_identity none, a, b, c;
	ck_assert(!map_identify(dirfd_, TABLE_USERS, &none));
	build(TABLE_USERS, "u", 3);
	ck_assert(map_identify(dirfd_, TABLE_USERS, &a));
	ck_assert(map_identify(dirfd_, TABLE_USERS, &b));
	ck_assert(map_identity_eq(&a, &b));
	build(TABLE_USERS, "u", 3);
	ck_assert(map_identify(dirfd_, TABLE_USERS, &c));
	ck_assert(!map_identity_eq(&a, &c));
}
END_TEST

START_TEST(facts_on_the_wire)
{
	const struct map_facts facts = {
	    .format = MAP_FORMAT, .table = TABLE_USERS, .count = 5, .set = UINT64_MAX};
	struct map_facts got;
	struct buf b = BUF_INIT(256);
	map_facts_put(&b, &facts);
	ck_assert(map_facts_get(buf_str(&b), &got));
	ck_assert_uint_eq(got.set, UINT64_MAX);
	for (size_t cut = 0; cut < buf_len(&b); cut++)
		ck_assert(!map_facts_get(str_head(buf_str(&b), cut), &got));
	ck_assert(buf_append_u8(&b, 0));
	ck_assert(!map_facts_get(buf_str(&b), &got));
	buf_release(&b);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("all");
	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, round_trip, 0, 2);
	tcase_add_test(c, empty_and_large_values);
	tcase_add_test(c, unfinished_builds_change_nothing);
	tcase_add_test(c, a_file_without_facts_or_seal_is_refused);
	tcase_add_loop_test(c, cut_files_are_refused, 0, 2);
	tcase_add_loop_test(c, flipped_bits_are_noticed, 0, 2);
	tcase_add_test(c, other_files_are_refused);
	tcase_add_test(c, an_image_stays_as_it_was);
	tcase_add_test(c, a_file_read_in_place_is_watched);
	tcase_add_test(c, no_db_config);
	tcase_add_test(c, identities);
	tcase_add_test(c, facts_on_the_wire);
	return unit_run_case("map", c);
}
