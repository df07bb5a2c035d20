/* SPDX-License-Identifier: ISC
 *
 * What the log file has since a moment, for who started the suite and is not to search for it.
 */
#ifndef POSTERN_CONTROL_LOG_TAIL_H
#define POSTERN_CONTROL_LOG_TAIL_H

#include "common/buf.h"

#include <sys/types.h>

enum { LOG_TAIL_MAX = 64 * 1024 };

/* Where the file ends now; 0 when there is none, or `path` is NULL. */
off_t log_tail_mark(const char *path);
/* The last error that a program other than control wrote behind `mark`, else control's own; a line
 * without its newline, in `text`, which takes LOG_TAIL_MAX. Empty: there is none, or it cannot be
 * read. */
struct str log_tail_error(const char *path, off_t mark, struct buf *text);

#endif
