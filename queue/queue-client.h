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
int queue_client_list(int fd, struct queue_print *print);
int queue_client_show(int fd, struct queue_print *print, uint64_t id);
int queue_client_stats(int fd, struct queue_print *print);
/* id 0: everything. */
int queue_client_flush(int fd, struct queue_print *print, uint64_t id);

#endif
