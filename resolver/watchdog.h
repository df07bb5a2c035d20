/* SPDX-License-Identifier: ISC
 *
 * Against questions that cost too much processor time (CVE-2023-50387): when the program has
 * worked for a whole interval without coming back to its event loop, it ends with
 * WATCHDOG_EXIT, and control starts it anew. Time in which it waits does not count.
 */
#ifndef POSTERN_RESOLVER_WATCHDOG_H
#define POSTERN_RESOLVER_WATCHDOG_H

enum { WATCHDOG_EXIT = 75, WATCHDOG_INTERVAL_MS = 1000 };

/* Before the jail. It ends the program after one to two intervals. */
void watchdog_start(unsigned interval_ms);
/* The event loop turns. */
void watchdog_alive(void);

#endif
