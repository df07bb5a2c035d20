/* SPDX-License-Identifier: ISC
 *
 * Who can only be on this machine: what is said to them in clear, nobody else hears.
 */
#ifndef POSTERN_LOOPBACK_H
#define POSTERN_LOOPBACK_H

#include <stdbool.h>
#include <sys/socket.h>

/* 127.0.0.0/8 or ::1. */
bool loopback_is_address(const struct sockaddr *address);

#endif
