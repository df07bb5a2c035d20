/* SPDX-License-Identifier: ISC */
#include "pop3d/connection.h"

#include <arpa/inet.h>
#include <stdio.h>

struct str client_format(const union client *client, char out[CLIENT_ADDRESS_MAX])
{
	char text[INET6_ADDRSTRLEN] = "unknown";
	bool v6 = client->any.sa_family == AF_INET6;
	if (v6)
		inet_ntop(AF_INET6, &client->in6.sin6_addr, text, sizeof(text));
	else if (client->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &client->in.sin_addr, text, sizeof(text));
	snprintf(out, CLIENT_ADDRESS_MAX, "[%s%s]", v6 ? "IPv6:" : "", text);
	return str_from_cstr(out);
}
