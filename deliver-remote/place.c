/* SPDX-License-Identifier: ISC */
#include "deliver-remote/place.h"

#include <arpa/inet.h>
#include <netinet/in.h>

_Static_assert(sizeof(struct place) == 20, "a place has padding");

bool place_from_octets(struct place *p, uint8_t family, struct str octets, uint16_t port)
{
	memset(p, 0, sizeof(*p));
	if (!(family == 4 && octets.n == 4) && !(family == 6 && octets.n == 16))
		return false;
	p->family = family;
	p->port = port;
	memcpy(p->octets, octets.p, octets.n);
	return true;
}

bool place_from_sockaddr(struct place *p, const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	memset(p, 0, sizeof(*p));
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		return place_from_octets(p, 4, str_from(&in.sin_addr, 4), ntohs(in.sin_port));
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&in6, sa, sizeof(in6));
	return place_from_octets(p, 6, str_from(&in6.sin6_addr, 16), ntohs(in6.sin6_port));
}

bool place_from_text(struct place *p, const char *text, uint16_t port)
{
	uint8_t octets[16];
	if (text != NULL && inet_pton(AF_INET, text, octets) == 1)
		return place_from_octets(p, 4, str_from(octets, 4), port);
	if (text != NULL && inet_pton(AF_INET6, text, octets) == 1)
		return place_from_octets(p, 6, str_from(octets, 16), port);
	return false;
}

socklen_t place_sockaddr(const struct place *p, struct sockaddr_storage *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(p->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(p->port)};
	memset(out, 0, sizeof(*out));
	if (p->family == 4) {
		memcpy(&in.sin_addr, p->octets, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, p->octets, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}

void place_format(const struct place *p, char out[PLACE_TEXT_MAX])
{
	out[0] = '\0';
	inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->octets, out, PLACE_TEXT_MAX);
}
