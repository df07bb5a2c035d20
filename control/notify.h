/* SPDX-License-Identifier: ISC
 *
 * Telling the service manager how we are: the datagrams of sd_notify(3).
 */
#ifndef POSTERN_CONTROL_NOTIFY_H
#define POSTERN_CONTROL_NOTIFY_H

#include <stdint.h>

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment. Without the first
 * nothing below does anything. */
void notify_init(void);
/* For example "READY=1". */
void notify_send(const char *state);
/* "RELOADING=1", with the time that the manager wants beside it. */
void notify_reloading(void);
/* How often "WATCHDOG=1" is wanted, 0: not at all. */
uint64_t notify_watchdog_ms(void);

#endif
