/* SPDX-License-Identifier: ISC
 *
 * The system call filter allows these options and no others (sandbox-seccomp.c).
 */
#include "common/client-socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

static const struct {
	int level, name, value;
} options[] = {
    {IPPROTO_TCP, TCP_NODELAY, 1},
    {SOL_SOCKET, SO_KEEPALIVE, 1},
    {IPPROTO_TCP, TCP_KEEPIDLE, CLIENT_SOCKET_IDLE_S},
    {IPPROTO_TCP, TCP_KEEPINTVL, CLIENT_SOCKET_INTERVAL_S},
    {IPPROTO_TCP, TCP_KEEPCNT, CLIENT_SOCKET_PROBES},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, CLIENT_SOCKET_LOST_MS},
};

bool client_socket_prepare(int fd)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int)) < 0)
			return false;
	return true;
}
