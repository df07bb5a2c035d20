/* SPDX-License-Identifier: ISC
 *
 * What directory knows of the users of the machine: what `users` said in the last seconds.
 * A question that cannot be answered yet is asked of it, and who waits is called
 * when the answer is there, or when it does not come.
 */
#ifndef POSTERN_DIRECTORY_SYSTEM_USERS_H
#define POSTERN_DIRECTORY_SYSTEM_USERS_H

#include "common/answers.h"
#include "common/limits.h"
#include "common/str.h"

#include <sys/queue.h>

enum {
	SYSTEM_USERS_MAX = 16384,      /* that are remembered; then all are forgotten */
	SYSTEM_USERS_KEEP_MS = 10000,  /* how long an answer is */
	SYSTEM_USERS_FAILED_MS = 1000, /* and a failure */
	SYSTEM_USERS_WAIT_MS = 10000,
	SYSTEM_USERS_WAITERS_MAX = 4096,
	SYSTEM_USERS_TIMES_MAX = 2 * EXPANSION_MAX, /* that one question waits, for one user after
						       the other */
};

struct system_wait {
	TAILQ_ENTRY(system_wait) entries;
	char name[USER_NAME_MAX];
	size_t n;
	uint64_t end;
	unsigned times; /* that it has waited; 0 at first */
	/* Called once, from the loop; ask again. The waiter is its owner's from then on. */
	void (*fn)(struct system_wait *wait);
};

/* Calls `changed` when users may be others. */
void system_users_start(void (*changed)(void));
void system_users_end(void); /* who waits is called */
void system_users_peer(int fd);

/* USER_FOUND sets *uid. 0: not known yet, wait for it. */
enum user_verdict system_users_look(struct str name, uint32_t *uid);
/* The same for system-lookup.h; without a context. */
enum user_verdict system_users_exist(void *ctx, struct str name);
/* After a look that gave 0, with w->fn set, which is never called before the return. False: too
 * many wait, or it has waited too often. */
bool system_users_wait(struct system_wait *w, struct str name);

#endif
