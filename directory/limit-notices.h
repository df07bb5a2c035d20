/* SPDX-License-Identifier: ISC
 *
 * Has queue write to the postmaster whenever a limit was passed: once a day of each login, address
 * and network, and no more than telling.h allows. What waits to be told is kept with the counts
 * (usage.h), until queue has the mail on its disk; so neither program's end loses it.
 */
#ifndef POSTERN_DIRECTORY_LIMIT_NOTICES_H
#define POSTERN_DIRECTORY_LIMIT_NOTICES_H

#include "common/msg-queue-directory.h"
#include "directory/usage.h"

/* Borrows both; `store` may be NULL. */
void limit_notices_start(struct usage *u, struct state_store *store);
void limit_notices_end(void);
/* There is news, or queue is there: tells what may be told. */
void limit_notices_run(void);
/* The channel to queue is gone: what was under way is told again. */
void limit_notices_lost(void);
/* Of struct queue_directory_server_handlers. */
bool limit_notices_told(void *peer, const struct msg_limit_told *m, int *fds);

#endif
