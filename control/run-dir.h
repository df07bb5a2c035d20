/* SPDX-License-Identifier: ISC
 *
 * The run directory: one suite at a time has it, by a lock on its pid file.
 */
#ifndef POSTERN_CONTROL_RUN_DIR_H
#define POSTERN_CONTROL_RUN_DIR_H

#include "common/buf.h"

#include <sys/types.h>

struct run_dir {
	int lock;	     /* the pid file, locked as long as it is open */
	bool crashed_before; /* the last suite here did not stop in order */
};

/* Makes the directory (and, as root, `empty` in it) and takes the lock, or appends one line to
 * `faults` that says what is wrong and what to do. */
bool run_dir_claim(const char *path, struct run_dir *out, struct buf *faults);
/* Removes the sockets and lets go. */
void run_dir_leave(const char *path, struct run_dir *dir);

/* The process that has the directory, 0 when none has. */
pid_t run_dir_owner(const char *path);

#endif
