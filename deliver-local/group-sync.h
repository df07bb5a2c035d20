/* SPDX-License-Identifier: ISC
 *
 * Makes deliveries durable by the hundred: those that are visible collect, until
 * the oldest has waited GROUP_SYNC_DELAY_MS or GROUP_SYNC_MANY wait, and one
 * syncfs on a thread of its own makes them all durable. While it runs the next
 * ones collect.
 */
#ifndef POSTERN_GROUP_SYNC_H
#define POSTERN_GROUP_SYNC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	GROUP_SYNC_DELAY_MS = 500,
	GROUP_SYNC_MANY = 1000,
	GROUP_SYNC_FILE_SYSTEMS = 64, /* mailboxes may lie on file systems mounted below the root */
};

struct group_sync;

/* `error` is 0 or the errno of the sync that failed: then nothing is known of these. Called from
 * the loop, with at most GROUP_SYNC_MANY cookies at a time. */
typedef void group_sync_fn(void *ctx, const uint64_t *cookies, size_t n, int error);

/* Starts the thread. */
struct group_sync *group_sync_new(group_sync_fn *fn, void *ctx);
/* A file system; `dir` is a directory on it and the caller's. Must be called before
 * deliveries onto it are made, and costs nothing when it is known. 0 or an errno: EMFILE beyond
 * GROUP_SYNC_FILE_SYSTEMS. */
int group_sync_file_system(struct group_sync *g, dev_t device, int dir);
/* A delivery is visible. */
void group_sync_add(struct group_sync *g, uint64_t cookie);
/* Who asked is gone: nobody is to be told of what was added so far. */
void group_sync_forget(struct group_sync *g);
/* Syncs now what waits. */
void group_sync_hurry(struct group_sync *g);
/* Deliveries that nobody was told of yet. */
size_t group_sync_waiting(const struct group_sync *g);

#endif
