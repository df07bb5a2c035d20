/* SPDX-License-Identifier: ISC */
#include "control/lmtp.h"

#include "common/msg-supervision.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What the asker has not read waits here, each socket with a descriptor of ours. So many wait; then
 * it is told to try again; and who leaves more unread than it can have asked for is no
 * deliver-remote any more. */
enum { SOCKETS_WAITING_MAX = 64 * 6, UNREAD_MAX = 64 * 1024 };

static const char *find_path(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->lmtp_count; i++)
		if (str_eq(str_from_cstr(conf->lmtps[i].name), name))
			return conf->lmtps[i].socket;
	return NULL;
}

/* A Unix socket connects at once or not at all: EAGAIN when too many wait for its server. */
static int connect_to(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (n < 0 || (size_t)n >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int connect_if_it_reads(const struct channel *to, const char *path)
{
	if (channel_backlog(to) <= SOCKETS_WAITING_MAX)
		return connect_to(path);
	errno = EAGAIN;
	return -1;
}

bool lmtp_connect(struct channel *to, const struct conf *conf, uint32_t cookie, struct str name)
{
	if (channel_backlog(to) > UNREAD_MAX)
		return false;
	const char *path = find_path(conf, name);
	int fd = path == NULL ? -1 : connect_if_it_reads(to, path);
	int error = path == NULL ? ENOENT : errno;
	if (fd >= 0) {
		const struct msg_lmtp_socket m = {.cookie = cookie};
		msg_lmtp_socket_send(to, &m, &fd);
		close(fd);
	} else {
		const struct msg_lmtp_failed m = {.cookie = cookie, .error = (uint32_t)error};
		msg_lmtp_failed_send(to, &m, NULL);
	}
	return true;
}
