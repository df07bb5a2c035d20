/* SPDX-License-Identifier: ISC
 *
 * A packet and its descriptors, to a socket and from it.
 */
#include "common/channel-internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void channel_close_fds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* ETOOMANYREFS: more descriptors of this user are on their way, between whichever programs, than we
 * may have open. Nothing of the socket tells when they have arrived. */
static enum channel_sent failed_send(int error)
{
	if (error == EAGAIN || error == EWOULDBLOCK)
		return CHANNEL_FULL;
	if (error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS)
		return CHANNEL_SHORT;
	return CHANNEL_FAILED;
}

enum channel_sent channel_send_now(int fd, const uint8_t *data, size_t n, const int *fds, size_t nfds)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};
	union {
		char space[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	ssize_t done;
	do
		done = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (done < 0 && errno == EINTR);
	return done >= 0 ? CHANNEL_SENT : failed_send(errno);
}

/* That the peer ended before it had read all is said once, and before what it had sent. */
static bool is_first_reset(int error, bool *was_reset)
{
	bool first = error == ECONNRESET && !*was_reset;
	*was_reset |= first;
	return first;
}

ssize_t channel_receive(int fd, uint8_t *to, int *fds, size_t *nfds, bool *gone, bool *cut)
{
	struct iovec iov = {.iov_base = to, .iov_len = PACKET_MAX};
	union {
		char space[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof(control.space)};
	ssize_t n;
	bool was_reset = false;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || is_first_reset(errno, &was_reset)));
	*nfds = 0;
	*cut = false;
	*gone = n < 0 && errno != EAGAIN && errno != EWOULDBLOCK;
	if (n < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && *nfds < CHANNEL_FDS_MAX; i++)
			memcpy(&fds[(*nfds)++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	*cut = (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	return n;
}
