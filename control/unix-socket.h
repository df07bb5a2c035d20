/* SPDX-License-Identifier: ISC
 *
 * Unix sockets in the run directory: made by control, connected to by commands.
 */
#ifndef POSTERN_CONTROL_UNIX_SOCKET_H
#define POSTERN_CONTROL_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The address of NAME in `dir`. False when it is too long for one. */
bool unix_socket_address(const char *dir, const char *name, struct sockaddr_un *out);
/* Non-blocking, close-on-exec; replaces a socket of that name and has `mode` from its first
 * moment. `type` is SOCK_STREAM or SOCK_SEQPACKET. -1 with errno. */
int unix_socket_listen(const char *dir, const char *name, int type, mode_t mode);
/* Blocking, close-on-exec; -1 with errno. */
int unix_socket_connect(const char *dir, const char *name, int type);

#endif
