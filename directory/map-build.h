/* SPDX-License-Identifier: ISC
 *
 * Making a compiled table: NAME.db.new is written, its facts last, sealed and synced;
 * when all tables of a set are that far, each is renamed over NAME.db and the
 * directory is synced. Until then the old file is untouched.
 */
#ifndef POSTERN_DIRECTORY_MAP_BUILD_H
#define POSTERN_DIRECTORY_MAP_BUILD_H

#include "directory/map.h"

struct map_build;

/* Who may read the finished file. */
struct map_owner {
	uid_t uid; /* (uid_t)-1, (gid_t)-1: as it comes */
	gid_t gid;
	mode_t mode;
};

/* Removes an older NAME.db.new. `dir` is dirfd's absolute path. NULL with errno. */
struct map_build *map_build_new(
    int dirfd, const char *dir, enum table_id table, const struct map_owner *owner);
/* In the order of the keys, none twice; false with errno. */
bool map_build_put(struct map_build *b, struct str key, struct str value);
/* Writes the facts (count and table are filled in here), seals and syncs; false with errno. */
bool map_build_finish(struct map_build *b, const struct map_facts *facts);
/* Renames a finished file into its place; false with errno. The caller syncs the directory. */
bool map_build_install(struct map_build *b);
/* Frees; removes a file that was not installed. NULL does nothing. */
void map_build_free(struct map_build *b);

#endif
