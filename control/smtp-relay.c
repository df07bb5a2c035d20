/* SPDX-License-Identifier: ISC */
#include "control/smtp-relay.h"
#include "common/str.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { PIECE = 16 * 1024 };

static bool write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s = str_skip(s, (size_t)n);
	}
	return true;
}

/* One piece; false at the end or at a fault. */
static bool copy(int from, int to)
{
	static char piece[PIECE];
	ssize_t n;
	do
		n = read(from, piece, sizeof(piece));
	while (n < 0 && errno == EINTR);
	return n > 0 && write_all(to, str_from(piece, (size_t)n));
}

int smtp_relay(int fd)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			perror("sendmail: poll");
			return EX_OSERR;
		}
		if (p[0].revents != 0 && !copy(fd, STDOUT_FILENO))
			break;
		if (p[1].revents != 0 && !copy(STDIN_FILENO, fd)) {
			/* The server still answers what it has, then leaves. */
			shutdown(fd, SHUT_WR);
			p[1].fd = -1;
		}
	}
	close(fd);
	return EX_OK;
}
