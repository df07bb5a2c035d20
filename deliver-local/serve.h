/* SPDX-License-Identifier: ISC
 *
 * The server of an edge queue-local: deliveries in, results and durability out. A delivery
 * is done at once, in the handler of its message; only the sync that makes it durable waits,
 * on a thread. What is open when the channel closes is forgotten: it is sent again.
 *
 * One per process: deliver-local's is queue's, that of a user's process is deliver-local's.
 */
#ifndef POSTERN_SERVE_H
#define POSTERN_SERVE_H

#include "deliver-local/deliver.h"

/* Each may be NULL. */
struct serve_hooks {
	/* A delivery that is somebody else's to make, in part or whole; true: it is taken. `fd` is
	 * -1 and `text` the content, or `fd` holds `size` octets of it. */
	bool (*deliver)(const struct local_delivery *to, struct str text, int fd, uint64_t size);
	/* What serve_part made visible is durable, or is not; true: it was one of those. */
	bool (*synced)(uint64_t delivery, bool durable);
	void (*gone)(void); /* the channel is closed */
};

/* `root` is the directory that mailboxes are looked for in. Starts the sync thread. */
void serve_start(int root, const struct serve_hooks *hooks);
/* Both are copied. `mailbox` NULL: `template` says where mailboxes are; else it is the only one. */
void serve_use(const char *hostname, const char *template, const char *mailbox);
void serve_channel(int fd);
/* Syncs what waits and leaves the loop. */
void serve_stop(void);

/* For hooks. Delivers and answers for these targets; true: `synced` will be called. */
bool serve_part(const struct local_delivery *to, struct str text, int fd, uint64_t size);
void serve_results(uint64_t delivery, struct local_result *results, size_t n);
void serve_durable(uint64_t delivery, bool durable);

#endif
