/* SPDX-License-Identifier: ISC
 *
 * Compiled tables, read only: find by key, walk, count. A map never changes
 * under its reader: what it was opened from is copied into memory (up to
 * MAP_IMAGE_MAX octets; a larger file is read in place, and map_is_intact says
 * whether somebody wrote to it).
 *
 * The format behind it is one row of map.c; Berkeley DB 5.3 is the first. Not
 * thread-safe, but a map may be opened in one thread and used in another.
 */
#ifndef POSTERN_DIRECTORY_MAP_H
#define POSTERN_DIRECTORY_MAP_H

#include "directory/lookup.h"

#include <sys/types.h>

#define MAP_IMAGE_MAX ((off_t)64 * 1024 * 1024)
#define MAP_FORMAT    3 /* of keys and values (lookup.h, alias.h, records.h); another is refused */
#define MAP_VALUE_MAX ((size_t)1024 * 1024)

/* What the map says of itself, under a key that no table has, written last. */
struct map_facts {
	uint32_t format;
	enum table_id table;
	uint64_t count;	     /* records, this one not counted */
	uint64_t built;	     /* ms since the epoch */
	uint64_t set;	     /* random; the same in all tables of one build */
	uint64_t text_size;  /* of the text table it was made from; both 0: there was none */
	uint64_t text_mtime; /* ns since the epoch */
};

/* Which file, and which state of it. */
struct map_identity {
	dev_t device;
	ino_t inode;
	off_t size;
	uint64_t mtime; /* ns */
};

struct map;

/* Another limit than MAP_IMAGE_MAX, for the tests. */
void map_set_image_max(off_t max);

/* NAME with the back end's suffix, e.g. "users.db". `out` of MAP_NAME_SIZE. */
#define MAP_NAME_SIZE 32
void map_file_name(enum table_id table, char out[MAP_NAME_SIZE]);

/* False with errno when there is no such file. */
bool map_identify(int dirfd, enum table_id table, struct map_identity *out);
bool map_identity_eq(const struct map_identity *a, const struct map_identity *b);

/* Opens, reads and checks the whole file: its seal, every page, the number of records. NULL
 * after `why` (static text) was set: what is wrong, to follow the file's name. `identity` may be
 * NULL. */
struct map *map_open(
    int dirfd, enum table_id table, struct map_identity *identity, const char **why);
void map_close(struct map *m);
const struct map_facts *map_get_facts(const struct map *m);
/* False once a file that is read in place was written to: its answers mean nothing any more. */
bool map_is_intact(const struct map *m);

/* The value (NULL: not wanted) is copied into the pool. */
enum lookup_result map_get(struct map *m, struct str key, struct pool *pool, struct str *value);
/* In the order of the keys; fn returns false to stop. False when the map is damaged. */
typedef bool map_each_fn(void *ctx, struct str key, struct str value);
bool map_each(struct map *m, map_each_fn *fn, void *ctx);

#endif
