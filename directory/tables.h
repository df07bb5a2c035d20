/* SPDX-License-Identifier: ISC
 *
 * The directory of tables as operators' commands see it: read the texts, check
 * them one by one and against each other, compile them as one set.
 */
#ifndef POSTERN_DIRECTORY_TABLES_H
#define POSTERN_DIRECTORY_TABLES_H

#include "common/buf.h"
#include "directory/expand.h"
#include "directory/table.h"

#include <sys/types.h>

/* A text table is read whole. */
#define TABLE_TEXT_MAX ((size_t)1024 * 1024 * 1024)

struct table_text {
	char *path;	/* for faults */
	struct buf buf; /* the content; an edit may change it before tables_load */
	bool exists;
	uint64_t size;	/* as found */
	uint64_t mtime; /* ns */
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

struct tables {
	const char *dir; /* the caller's; absolute */
	int dirfd;
	struct table_text texts[TABLE_COUNT];
	struct table tables[TABLE_COUNT];
	struct faults faults;
};

/* All that take `err` print there what is wrong and what to do, and return a status of sysexits.h,
 * EX_OK (0) when all is well. tables_close may follow any of them. */

/* Opens the directory, after making sure that nobody less trusted writes to it, and reads the
 * texts (a missing one is empty). `exclusive`, for commands that change tables, waits for others
 * of them, and takes the texts with secrets from everybody who has no business with them. */
int tables_open(struct tables *t, const char *dir, bool exclusive, FILE *err);
void tables_close(struct tables *t);

/* Parses and checks; what is wrong is in t->faults. `rules` NULL: the defaults, and nothing is
 * said about postmaster. */
void tables_load(struct tables *t, const struct expand_rules *rules);
/* The part of it that is about routes, tls and logins; `conf` may be NULL. */
void tables_check_routes(struct tables *t, const struct conf *conf);
/* The loaded tables as expand() asks for them. */
struct lookup tables_lookup(const struct tables *t);

/* Compiles all and puts them, and the text table `edited` (TABLE_COUNT: none), in place. */
int tables_write(struct tables *t, enum table_id edited, FILE *err);

/* Prints every fault of the texts, and every compiled file that is missing, damaged or not made
 * from the text beside it. 0: all sound, else EX_DATAERR, or the status of tables_open. */
int tables_check(const char *dir, FILE *out);
int tables_check_rules(const char *dir, const struct expand_rules *rules, FILE *out);

#endif
