/* SPDX-License-Identifier: ISC
 *
 * An IPv4 or IPv6 address with a port.
 */
#ifndef POSTERN_REMOTE_PLACE_H
#define POSTERN_REMOTE_PLACE_H

#include "common/str.h"

#include <sys/socket.h>

/* No padding, and unused octets are 0: places are compared and hashed as bytes. */
struct place {
	uint8_t octets[16];
	uint16_t family; /* 4 or 6 */
	uint16_t port;
};

enum { PLACE_TEXT_MAX = 64 };

/* False: neither IPv4 nor IPv6, or the wrong number of octets. */
bool place_from_octets(struct place *p, uint8_t family, struct str octets, uint16_t port);
bool place_from_sockaddr(struct place *p, const struct sockaddr *sa);
bool place_from_text(struct place *p, const char *text, uint16_t port);
socklen_t place_sockaddr(const struct place *p, struct sockaddr_storage *out);
/* "192.0.2.1", "2001:db8::1" */
void place_format(const struct place *p, char out[PLACE_TEXT_MAX]);

static inline bool place_eq(const struct place *a, const struct place *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
