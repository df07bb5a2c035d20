/* SPDX-License-Identifier: ISC
 *
 * A directory of its own for a test, and what tests ask about files in it.
 */
#ifndef POSTERN_TEST_SCRATCH_H
#define POSTERN_TEST_SCRATCH_H

#include "common/str.h"

/* Makes a fresh directory and opens it; ends the test program when it cannot. */
int scratch_open(void);
/* Its path. */
const char *scratch_path(void);
/* Closes and removes it with all that is in it. */
void scratch_close(void);

void scratch_mkdir(const char *path);
void scratch_write(const char *path, struct str text);
/* The file's octets, the caller's, and NUL-terminated; NULL when there is none. */
char *scratch_read(const char *path, size_t *n);
/* Entries of a directory; `only` (of 256, may be NULL) gets the last one's name. */
size_t scratch_count(const char *path, char *only);
bool scratch_exists(const char *path);

#endif
