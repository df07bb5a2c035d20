/* SPDX-License-Identifier: ISC */
#include "control/lmtp.h"

#include "common/msg-supervision.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

void lmtp_connect(struct channel *to, const struct conf *conf, uint32_t cookie, struct str name)
{
	const char *path = find_path(conf, name);
	int fd = path == NULL ? -1 : connect_to(path);
	int error = path == NULL ? ENOENT : errno;
	if (fd >= 0) {
		const struct msg_lmtp_socket m = {.cookie = cookie};
		msg_lmtp_socket_send(to, &m, &fd);
		close(fd);
	} else {
		const struct msg_lmtp_failed m = {.cookie = cookie, .error = (uint32_t)error};
		msg_lmtp_failed_send(to, &m, NULL);
	}
}
