/* SPDX-License-Identifier: ISC
 *
 * Who listens on a TCP port of this machine, as far as the kernel tells us.
 */
#ifndef POSTERN_CONTROL_PORT_OWNER_H
#define POSTERN_CONTROL_PORT_OWNER_H

#include "common/buf.h"

/* Appends "master (process 812)", or "a program of user 105" when its process is hidden from us.
 * False when nobody is found. */
bool port_owner(uint16_t port, struct buf *out);

/* The rest of it, for the test: finds a listening socket on `port` in one line of /proc/net/tcp
 * or tcp6. */
bool port_owner_parse_line(struct str line, uint16_t port, uint64_t *inode, uint64_t *uid);

#endif
