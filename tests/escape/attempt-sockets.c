/* SPDX-License-Identifier: ISC
 *
 * Attempts at the network and at other programs' sockets.
 */
#include "tests/escape/attempt.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static long make_socket(struct victim *v, int family, int type, int protocol)
{
	long fd = INJECT(v, SYS_socket, family, type | SOCK_CLOEXEC, protocol);
	if (fd >= 0)
		INJECT(v, SYS_close, fd);
	return fd;
}

#define SOCKET_ATTEMPT(name, family, type, protocol)                                               \
	long try_##name(struct victim *v, const struct attempt_world *w)                           \
	{                                                                                          \
		(void)w;                                                                           \
		return make_socket(v, family, type, protocol);                                     \
	}
SOCKET_ATTEMPT(tcp, AF_INET, SOCK_STREAM, 0)
SOCKET_ATTEMPT(tcp6, AF_INET6, SOCK_STREAM, IPPROTO_TCP)
SOCKET_ATTEMPT(udp, AF_INET, SOCK_DGRAM, 0)
SOCKET_ATTEMPT(multipath_tcp, AF_INET, SOCK_STREAM, IPPROTO_MPTCP)
SOCKET_ATTEMPT(unix_stream, AF_UNIX, SOCK_STREAM, 0)
SOCKET_ATTEMPT(unix_datagram, AF_UNIX, SOCK_DGRAM, 0)
SOCKET_ATTEMPT(unix_packets, AF_UNIX, SOCK_SEQPACKET, 0)
SOCKET_ATTEMPT(netlink, AF_NETLINK, SOCK_RAW, 0)
SOCKET_ATTEMPT(packet, AF_PACKET, SOCK_RAW, 0)
SOCKET_ATTEMPT(raw_ip, AF_INET, SOCK_RAW, IPPROTO_ICMP)
SOCKET_ATTEMPT(vsock, AF_VSOCK, SOCK_STREAM, 0)
SOCKET_ATTEMPT(crypto_socket, AF_ALG, SOCK_SEQPACKET, 0)

/* A socket, and what is done with it. */
static long with_socket(
    struct victim *v, int type, int family, long number, const void *to, size_t n)
{
	long fd = INJECT(v, SYS_socket, family, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	long rc = INJECT(v, number, fd, inject_put(v, to, n), n);
	INJECT(v, SYS_close, fd);
	return rc;
}

static struct sockaddr_in loopback(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

long try_connect_tcp(struct victim *v, const struct attempt_world *w)
{
	const struct sockaddr_in to = loopback(w->stage->port);
	return with_socket(v, SOCK_STREAM, AF_INET, SYS_connect, &to, sizeof(to));
}

long try_take_tcp_port(struct victim *v, const struct attempt_world *w)
{
	/* None that the kernel may give to somebody who connects meanwhile. */
	const struct sockaddr_in at = loopback(9025);
	(void)w;
	return with_socket(v, SOCK_STREAM, AF_INET, SYS_bind, &at, sizeof(at));
}

long try_listen_tcp(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	long fd = INJECT(v, SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? fd : INJECT(v, SYS_listen, fd, 1);
}

/* An operator's socket, which belongs to the very user that all programs are when nobody is root.
 */
long try_connect_control(struct victim *v, const struct attempt_world *w)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	memcpy(to.sun_path, w->stage->control_socket, strlen(w->stage->control_socket));
	return with_socket(v, SOCK_SEQPACKET, AF_UNIX, SYS_connect, &to, sizeof(to));
}

long try_connect_abstract(struct victim *v, const struct attempt_world *w)
{
	const struct stage *st = w->stage;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	memcpy(to.sun_path, st->abstract_name, st->abstract_size);
	return with_socket(v, SOCK_SEQPACKET, AF_UNIX, SYS_connect, &to,
	    offsetof(struct sockaddr_un, sun_path) + st->abstract_size);
}

long try_listen_abstract(struct victim *v, const struct attempt_world *w)
{
	const struct stage *st = w->stage;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	memcpy(at.sun_path, st->abstract_name, st->abstract_size);
	at.sun_path[st->abstract_size] = 'd';
	return with_socket(v, SOCK_STREAM, AF_UNIX, SYS_bind, &at,
	    offsetof(struct sockaddr_un, sun_path) + st->abstract_size + 1);
}

/* Characters into the terminal of whoever started it. */
long try_terminal_input(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_ioctl, 0, TIOCSTI, inject_text(v, "x"));
}

/* The upper half of the request is not the kernel's business, so it must not be the filter's. */
long try_terminal_input_high(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_ioctl, 0, TIOCSTI | 1L << 32, inject_text(v, "x"));
}

/* Into the terminal by its other request. */
long try_terminal_paste(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_ioctl, 0, TIOCLINUX, inject_text(v, "\3"));
}
