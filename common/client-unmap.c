/* SPDX-License-Identifier: ISC */
#include "common/client-unmap.h"

#include <netinet/in.h>
#include <string.h>

void client_unmap(struct sockaddr *address)
{
	struct sockaddr_in6 in6;
	if (address->sa_family != AF_INET6)
		return;
	memcpy(&in6, address, sizeof(in6));
	if (!IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		return;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = in6.sin6_port};
	memcpy(&in.sin_addr, &in6.sin6_addr.s6_addr[12], sizeof(in.sin_addr));
	memcpy(address, &in, sizeof(in));
}
