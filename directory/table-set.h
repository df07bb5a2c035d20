/* SPDX-License-Identifier: ISC
 *
 * The compiled tables of one build, open.
 */
#ifndef POSTERN_DIRECTORY_TABLE_SET_H
#define POSTERN_DIRECTORY_TABLE_SET_H

#include "directory/map.h"
#include "directory/stand-ins.h"

struct table_set {
	struct map *maps[TABLE_COUNT];
	struct stand_ins stand_ins;
	bool all_have_keys; /* SCRAM, whoever has a password */
};

/* What stood in the way; `why` is static text that follows the file's name. */
struct table_set_fault {
	enum table_id table; /* TABLE_COUNT: the set as a whole */
	const char *why;
};

struct table_files {
	struct map_identity of[TABLE_COUNT]; /* zeroes: there is no such file */
};
/* Takes a look at the directory. */
void table_files_look(int dirfd, struct table_files *out);
bool table_files_eq(const struct table_files *a, const struct table_files *b);

/* Opens and checks all; `files` is what was opened. NULL after *fault was set. */
struct table_set *table_set_open(
    int dirfd, struct table_files *files, struct table_set_fault *fault);
void table_set_close(struct table_set *set);

#endif
