/* SPDX-License-Identifier: ISC */
#include "control/command.h"
#include "control/unix-socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

int command_connect(const struct command_context *ctx, const char *name)
{
	int fd = unix_socket_connect(ctx->conf->run, name, SOCK_SEQPACKET);
	if (fd >= 0)
		return fd;
	bool denied = errno == EACCES || errno == EPERM;
	if (errno == ENOENT || errno == ECONNREFUSED)
		fprintf(stderr,
		    "postern: the suite is not running (%s): start it with `postern start`\n",
		    ctx->conf->run);
	else if (denied)
		fprintf(stderr,
		    "postern: %s/%s is not for you: run this as root or as the user that the suite "
		    "runs as\n",
		    ctx->conf->run, name);
	else
		fprintf(stderr, "postern: %s/%s cannot be connected to: %s\n", ctx->conf->run, name,
		    strerror(errno));
	return denied ? -EX_NOPERM : -EX_UNAVAILABLE;
}
