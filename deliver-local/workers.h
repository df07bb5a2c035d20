/* SPDX-License-Identifier: ISC
 *
 * Processes that are users of the machine and put mail into their Maildirs. For each
 * user there is one at most; it is asked for (users: which uid; deliver-owner: a
 * process of that uid) when mail comes, kept for some seconds after it, and given up when
 * it fails or says nothing.
 *
 * Every part is answered once (`results`), and when something of it is visible settled
 * once, whatever happens to its process, but for workers_forget.
 */
#ifndef POSTERN_WORKERS_H
#define POSTERN_WORKERS_H

#include "deliver-local/letter.h"

enum {
	WORKERS_MAX = 64,	  /* processes at once; more users wait */
	WORKERS_IDLE_MS = 5000,	  /* how long one is kept without work */
	WORKERS_OPEN_MS = 15000,  /* until it must be there */
	WORKERS_WAIT_MS = 120000, /* for another user's process to end */
	WORKERS_WORK_MS = 60000,  /* without an answer */
	WORKERS_END_MS = 2000,	  /* for its parent to say why it ended */
};

struct workers_hooks {
	void (*results)(uint64_t delivery, struct local_result *results, size_t n, bool visible);
	void (*settled)(uint64_t delivery, bool durable);
};

void workers_start(const struct workers_hooks *hooks);
/* Fresh ends of the edges. */
void workers_set_users(int fd);
void workers_set_owner(int fd);
/* The targets are all this user's, `name` as in their addresses. */
void workers_deliver(struct str name, const struct local_delivery *part, struct letter *letter);
/* Nobody is to be told anything any more: all are given up. */
void workers_forget(void);
size_t workers_count(void);

#endif
