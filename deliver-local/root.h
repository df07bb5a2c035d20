/* SPDX-License-Identifier: ISC
 *
 * The directory that all mailboxes lie in.
 */
#ifndef POSTERN_ROOT_H
#define POSTERN_ROOT_H

#include "common/conf.h"

/* Its path, NUL-terminated and the caller's; ends the program when "mailboxes" names none. */
char *root_path(const struct conf *conf);
/* Makes it when it is missing; it then belongs to `user` when made as root. Ends the program,
 * saying what to do, when it cannot be made or is no directory. */
void root_make(const char *path, const char *user);

#endif
