/* SPDX-License-Identifier: ISC
 *
 * Which addresses are a user's to send as: the user's own with every extension, whatever
 * leads to that mailbox alone (aliases, catch-alls), and what the table senders says.
 * Pure: it only asks the tables.
 */
#ifndef POSTERN_DIRECTORY_OWNER_H
#define POSTERN_DIRECTORY_OWNER_H

#include "directory/expand.h"

/* `user` is a key of key.h, `address` canonical. SENDER_OK, _NOT_OWNED or _TEMPORARY. */
enum sender_verdict owner_check(const struct lookup *lookup, const struct expand_rules *rules,
    struct str user, struct str address, struct pool *pool);

#endif
