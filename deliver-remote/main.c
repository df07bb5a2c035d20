/* SPDX-License-Identifier: ISC */
#include "common/msg-queue-remote.h"
#include "common/service.h"

#include <unistd.h>

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)edge;
	(void)instance;
	close(fd);
}

int main(int argc, char **argv)
{
	static struct service deliver_remote = {
	    .name = "deliver-remote",
	    .user = "postern-remote",
	    .sandbox = {.calls = SANDBOX_CONNECT},
	    .on_peer = on_peer,
	};
	return service_main(&deliver_remote, argc, argv);
}
