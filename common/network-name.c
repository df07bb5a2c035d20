/* SPDX-License-Identifier: ISC */
#include "common/network-name.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { V4 = 4, V6 = 16 };

void network_name(struct str octets, char out[NETWORK_NAME_SIZE])
{
	uint8_t address[V6] = {0};
	memcpy(address, octets.p, octets.n);
	inet_ntop(octets.n <= V4 ? AF_INET : AF_INET6, address, out, NETWORK_NAME_SIZE);
	size_t n = strlen(out);
	if (octets.n != V4 && octets.n != V6)
		snprintf(out + n, NETWORK_NAME_SIZE - n, "/%zu", octets.n * 8);
}
