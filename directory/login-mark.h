/* SPDX-License-Identifier: ISC
 *
 * Whether a login is still what it was when its session began. A mark is a keyed digest of what
 * the table users says of it, so a changed password, or a user who is gone, ends a session that is
 * open. It tells nothing of the hash, and is the same over restarts while its key is kept.
 */
#ifndef POSTERN_DIRECTORY_LOGIN_MARK_H
#define POSTERN_DIRECTORY_LOGIN_MARK_H

#include "directory/lookup.h"

/* A key that is kept in the state directory, or just one. */
void login_mark_start(bool kept);
/* `value`: of the table users under `login`. Never 0, which says that none can be made: of users
 * of the machine, whose passwords are PAM's. */
uint64_t login_mark(struct str login, struct str value);
/* LOOKUP_FOUND: `login` still has that mark (or it is 0); LOOKUP_NONE: no longer; LOOKUP_FAILED. */
enum lookup_result login_mark_check(const struct lookup *lookup, struct str login, uint64_t mark);

#endif
