/* SPDX-License-Identifier: ISC
 *
 * Stands in for a program that was taken over, in test_supervision: it gives its end of the channel
 * to control away, at the socket `enemy` beside the configuration, and does nothing but live, until
 * control kills it or the test has enough of it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONTROL_FD = 3, CONF_FD = 4 };

static int give_away(const char *conf)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char octet = 0;
	struct iovec iov = {.iov_base = &octet, .iov_len = 1};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.space = ""};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space)};
	const char *slash = strrchr(conf, '/');
	snprintf(to.sun_path, sizeof(to.sun_path), "%.*s/enemy", (int)(slash - conf), conf);
	int test = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (test < 0 || connect(test, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &(int){CONTROL_FD}, sizeof(int));
	return sendmsg(test, &msg, MSG_NOSIGNAL) == 1 ? test : -1;
}

int main(int argc, char **argv)
{
	char c;
	int test = argc > 1 && strchr(argv[1], '/') != NULL ? give_away(argv[1]) : -1;
	close(CONTROL_FD);
	close(CONF_FD);
	return test < 0 || read(test, &c, 1) != 0;
}
