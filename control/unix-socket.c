/* SPDX-License-Identifier: ISC */
#include "control/unix-socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

bool unix_socket_address(const char *dir, const char *name, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = snprintf(out->sun_path, sizeof(out->sun_path), "%s/%s", dir, name);
	return n > 0 && (size_t)n < sizeof(out->sun_path);
}

static int give_up(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* The file gets the socket's own mode, less the umask, so no moment exists in which others could
 * connect to what is not theirs. */
static int bind_with_mode(int fd, const struct sockaddr_un *to, mode_t mode)
{
	if (fchmod(fd, mode) < 0)
		return -1;
	mode_t mask = umask(0);
	int failed = bind(fd, (const struct sockaddr *)to, sizeof(*to));
	umask(mask);
	return failed;
}

int unix_socket_listen(const char *dir, const char *name, int type, mode_t mode)
{
	struct sockaddr_un to;
	if (!unix_socket_address(dir, name, &to)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (unlink(to.sun_path) < 0 && errno != ENOENT)
		return give_up(fd);
	if (bind_with_mode(fd, &to, mode) < 0 || listen(fd, SOMAXCONN) < 0)
		return give_up(fd);
	return fd;
}

int unix_socket_connect(const char *dir, const char *name, int type)
{
	struct sockaddr_un to;
	if (!unix_socket_address(dir, name, &to)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int failed;
	do
		failed = connect(fd, (const struct sockaddr *)&to, sizeof(to));
	while (failed < 0 && errno == EINTR);
	return failed < 0 ? give_up(fd) : fd;
}
