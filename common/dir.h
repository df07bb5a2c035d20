/* SPDX-License-Identifier: ISC
 *
 * Directories that are held open.
 */
#ifndef POSTERN_DIR_H
#define POSTERN_DIR_H

#include <stdbool.h>

/* Opens `path`, relative to `dir`, close-on-exec. Whatever lies there, the result lies beneath
 * `dir`: no symbolic link is followed in any component. `flags` must not create. -1 with errno,
 * ELOOP for a symbolic link, EXDEV for a way out. */
int dir_open_beneath(int dir, const char *path, int flags);

/* Opens the directory at `path` likewise, making those of its components that are missing, for the
 * owner alone. -1 with errno. */
int dir_make_beneath(int dir, const char *path);

/* One entry; "." and ".." are left out. False ends the reading. */
typedef bool dir_entry_fn(void *ctx, const char *name);
/* Reads the directory from its start. `dir` is open for reading; its offset moves. `fn` must not
 * read another directory. 0 or an errno. */
int dir_each(int dir, dir_entry_fn *fn, void *ctx);

#endif
