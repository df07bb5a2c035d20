/* SPDX-License-Identifier: ISC
 *
 * What the kernel then says of a connection that was accepted from a prepared listener.
 */
#include "common/client-socket.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t n = sizeof(value);
	ck_assert_int_eq(getsockopt(fd, level, name, &value, &n), 0);
	return value;
}

START_TEST(the_accepted_inherit_it)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	int l = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(l, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert(client_socket_prepare(l));
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&at, &n), 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	int fd = accept(l, NULL, NULL);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 15);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 120 * 1000);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	close(fd);
	close(client);
	close(l);
}
END_TEST

START_TEST(what_is_no_tcp_socket)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert(!client_socket_prepare(fds[0]));
	ck_assert_int_eq(errno, EOPNOTSUPP);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

UNIT_MAIN("client_socket", the_accepted_inherit_it, what_is_no_tcp_socket)
