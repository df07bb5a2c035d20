/* SPDX-License-Identifier: ISC
 *
 * How many connections each client address has, over all workers of a program: a page of counters
 * for each worker, which it alone can write and all others read, and a page of control's with
 * what holds for all of them. A worker that dies takes its counts along: control clears its page
 * before the next one starts. An address is hashed with a key of the table's own; two hash
 * functions and the smaller sum make a collision unlikely to matter and never lower a count.
 *
 * A worker that was taken over may write anything into its page. It can claim no more
 * connections than twice what it may have: a page with a greater sum counts for nothing from then
 * on, until control has started that worker anew. Pages are summed up only when a client would be
 * refused because of them.
 */
#ifndef POSTERN_ADMISSION_H
#define POSTERN_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADMISSION_WORKERS_MAX 64

/* --- control's side --- */

struct admission_table;

/* For workers that may have `places` connections each. NULL with errno. */
struct admission_table *admission_table_new(unsigned workers, unsigned places);
void admission_table_free(struct admission_table *t);
/* After a reload. Never lowers it: what is there is allowed. */
void admission_table_allow(struct admission_table *t, unsigned places);
/* The worker is dead, and so are its connections. */
void admission_table_clear(struct admission_table *t, unsigned worker);
/* The descriptor of a page for one worker; still the table's. Page `workers` is control's. */
int admission_table_page(const struct admission_table *t, unsigned page, unsigned worker);

/* --- a worker's side --- */

struct admission;

/* NULL when there is no such worker. */
struct admission *admission_new(unsigned worker, unsigned workers);
/* Takes fd. False when it is not such a page. */
bool admission_map(struct admission *a, unsigned page, int fd);
/* All pages are there: now it may be used. */
bool admission_is_whole(const struct admission *a);
void admission_free(struct admission *a);
/* Counts a connection unless the address (IPv6: its /64) has `limit` already; 0: no limit. */
bool admission_enter(struct admission *a, const struct sockaddr *client, unsigned limit);
void admission_leave(struct admission *a, const struct sockaddr *client);
/* Connections of this worker. */
unsigned admission_count(const struct admission *a);

#endif
