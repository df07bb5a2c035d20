/* SPDX-License-Identifier: ISC
 *
 * Asks queue over its socket and prints the answers as they come, so that a slow
 * reader of the output slows queue's answers and nothing piles up.
 */
#ifndef POSTERN_QUEUE_CLIENT_H
#define POSTERN_QUEUE_CLIENT_H

#include "queue/queue-print.h"

/* Each takes fd, a connection to queue.sock, says on stderr what is wrong, and returns a status
 * of sysexits.h. */
int queue_client_list(int fd, struct queue_print *print, const struct msg_queue_list *which);
int queue_client_show(int fd, struct queue_print *print, uint64_t id);
/* Figures, and the `limit` destinations and reasons with most mail. */
int queue_client_stats(int fd, struct queue_print *print, uint32_t limit);
/* id 0: everything. */
int queue_client_flush(int fd, struct queue_print *print, uint64_t id);

/* Ids of messages. */
struct queue_ids {
	uint64_t *list;
	size_t count, cap;
};

void queue_ids_add(struct queue_ids *ids, uint64_t id);
void queue_ids_reset(struct queue_ids *ids);
/* Adds those of the messages that fit. */
int queue_client_collect(int fd, const struct msg_queue_list *which, struct queue_ids *ids);

enum queue_change { QUEUE_HOLD, QUEUE_RELEASE, QUEUE_DELETE };

/* What is not there any more is passed over; `*changed` is how many were. */
int queue_client_change(
    int fd, enum queue_change change, const struct queue_ids *ids, size_t *changed);

#endif
