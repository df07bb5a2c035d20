/* SPDX-License-Identifier: ISC */
#include "control/notify.h"
#include "common/str.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int notify_fd = -1;
static uint64_t watchdog_ms;

static uint64_t number_in(const char *variable)
{
	const char *v = getenv(variable);
	uint64_t n;
	return v != NULL && str_parse_u64(str_from_cstr(v), UINT64_MAX, &n) ? n : 0;
}

/* A name that begins with "@" is in the abstract name space. */
static int connect_to(const char *name)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = strlen(name);
	if ((name[0] != '/' && name[0] != '@') || n >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, name, n);
	if (name[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void notify_init(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	uint64_t pid = number_in("WATCHDOG_PID");
	if (name != NULL)
		notify_fd = connect_to(name);
	if (notify_fd >= 0 && (pid == 0 || pid == (uint64_t)getpid()))
		watchdog_ms = number_in("WATCHDOG_USEC") / 1000 / 2;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_send(const char *state)
{
	if (notify_fd >= 0)
		(void)!send(notify_fd, state, strlen(state), MSG_NOSIGNAL);
}

void notify_reloading(void)
{
	char state[80];
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)ts.tv_sec * 1000000 + (unsigned long long)ts.tv_nsec / 1000);
	notify_send(state);
}

uint64_t notify_watchdog_ms(void)
{
	return watchdog_ms;
}
