/* SPDX-License-Identifier: ISC
 *
 * Whether mail can be put where "mailboxes" says, before any has to be.
 */
#ifndef POSTERN_CONTROL_CHECK_MAILBOXES_H
#define POSTERN_CONTROL_CHECK_MAILBOXES_H

#include <stdbool.h>
#include <stdio.h>

/* Whether the mailboxes' directory can be written to by the user who will do that: `user`, when
 * root asks, else the caller; one that is missing, whether it can be made at the start. When not
 * so, a line of warning after `conf_path` says what to do. What cannot be found out is taken for
 * good: the start will tell. */
bool check_mailboxes(const char *root, const char *user, const char *conf_path, FILE *out);

#endif
