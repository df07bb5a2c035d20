/* SPDX-License-Identifier: ISC
 *
 * Tables for the directory's tests: parsed from text in memory, or written into a
 * temporary directory.
 */
#ifndef POSTERN_TEST_DIRECTORY_FIXTURE_H
#define POSTERN_TEST_DIRECTORY_FIXTURE_H

#include "directory/tables.h"

/* A password's hash that is quick to check: "secret". */
#define QUICK_HASH "$5$rounds=1000$postern$"
const char *fixture_quick_hash(void);

/* Three texts, parsed and checked; t->faults has what was found. In users a line without ":" gets
 * ":*". tables_close frees. */
void fixture_tables(struct tables *t, const char *domains, const char *users, const char *aliases,
    const struct expand_rules *rules);
/* All faults as one string; static. */
const char *fixture_faults(struct tables *t);

/* A fresh directory with mode 0755, an absolute path; removed with all that is in it. */
char *fixture_directory(void);
void fixture_remove(char *dir);
void fixture_write(const char *dir, const char *name, const char *text);
char *fixture_read(const char *dir, const char *name, size_t *n);
bool fixture_exists(const char *dir, const char *name);
/* tables_open, tables_load and tables_write; a status of sysexits.h. */
int fixture_build(const char *dir);

#endif
