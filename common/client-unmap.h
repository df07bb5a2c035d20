/* SPDX-License-Identifier: ISC
 *
 * An IPv4 client of a socket for both families (which a service manager may pass) is an IPv4
 * client: it is counted by its own networks, and trusted by them.
 */
#ifndef POSTERN_CLIENT_UNMAP_H
#define POSTERN_CLIENT_UNMAP_H

#include <sys/socket.h>

/* Makes ::ffff:192.0.2.1 a sockaddr_in, and leaves all else. */
void client_unmap(struct sockaddr *address);

#endif
