/* SPDX-License-Identifier: ISC */
#include "common/msg-remote-resolver.h"
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
	static struct service resolver = {
	    .name = "resolver",
	    .user = "postern-dns",
	    .sandbox = {.calls = SANDBOX_CONNECT},
	    .on_peer = on_peer,
	};
	return service_main(&resolver, argc, argv);
}
