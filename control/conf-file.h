/* SPDX-License-Identifier: ISC
 *
 * The configuration file, read once and parsed, its text kept in a sealed memory
 * file so that every program runs on the same one.
 */
#ifndef POSTERN_CONTROL_CONF_FILE_H
#define POSTERN_CONTROL_CONF_FILE_H

#include "common/buf.h"
#include "common/conf.h"

enum { CONF_FILE_MAX = 1024 * 1024, FAULTS_TEXT_MAX = 256 * 1024 };

struct conf_file {
	struct conf *conf;
	int fd; /* sealed against every change */
};

/* Appends a line to `faults` for each fault: "FILE:LINE: text\n". False when there is one; `out`
 * then owns nothing. */
bool conf_file_load(const char *path, struct conf_file *out, struct buf *faults);
/* For commands that talk to a suite which runs on an older, good text of a file that has faults
 * now: defaults, but `run` and `spool` as the file says, as far as that can be made out. False when
 * the file cannot be read. */
bool conf_file_salvage(const char *path, struct conf_file *out);
void conf_file_release(struct conf_file *file);
/* The text with a reading position of its own, read-only, for one program; -1 with errno. */
int conf_file_reopen(const struct conf_file *file);

/* `path` as it is when absolute, else beneath the current directory. Heap; NULL with errno. */
char *conf_file_absolute(const char *path);

#endif
