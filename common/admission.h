/* SPDX-License-Identifier: ISC
 *
 * How many connections each client address has, over all workers of a program:
 * a page of counters that they share, one row per worker, so that a worker which
 * dies takes its counts along (control clears the row before the next one starts).
 * An address is hashed with the table's own key; two hash functions and the
 * smaller sum make a collision unlikely to matter and never lower a count.
 */
#ifndef POSTERN_ADMISSION_H
#define POSTERN_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADMISSION_WORKERS_MAX 64

struct admission;

/* control: a new table in a memory file, sealed against resizing; -1 with errno. */
int admission_create(unsigned workers);
void admission_clear_worker(int fd, unsigned worker);

/* Maps the table; takes fd. NULL when it is not one. */
struct admission *admission_open(int fd, unsigned worker, unsigned workers);
void admission_close(struct admission *a);
/* Counts a connection unless the address (IPv6: its /64) has `limit` already; 0: no limit. */
bool admission_enter(struct admission *a, const struct sockaddr *client, unsigned limit);
void admission_leave(struct admission *a, const struct sockaddr *client);
/* Connections of all workers. */
unsigned admission_total(const struct admission *a);

#endif
