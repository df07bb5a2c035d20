/* SPDX-License-Identifier: ISC
 *
 * The directory that all mailboxes lie in.
 */
#ifndef POSTERN_MAILBOX_ROOT_H
#define POSTERN_MAILBOX_ROOT_H

#include "common/conf.h"

/* Its path, NUL-terminated and the caller's; ends the program when "mailboxes" names none. */
char *mailbox_root_path(const struct conf *conf);
/* Makes it when it is missing; it then belongs to `user` when made as root. Ends the program,
 * saying what to do, when it cannot be made or is no directory. */
void mailbox_root_make(const char *path, const char *user);

#endif
