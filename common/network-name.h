/* SPDX-License-Identifier: ISC
 *
 * How an address or a network is written for operators, and taken from them.
 */
#ifndef POSTERN_NETWORK_NAME_H
#define POSTERN_NETWORK_NAME_H

#include "common/str.h"

#include <netinet/in.h>

enum { NETWORK_NAME_SIZE = INET6_ADDRSTRLEN + 4 };

/* "192.0.2.1", "2001:db8::1" of 4 or 16 octets; of fewer, 3 at least, what they are a prefix of:
 * "192.0.2.0/24", "2001:db8::/64". Up to 4 are IPv4's. */
void network_name(struct str octets, char out[NETWORK_NAME_SIZE]);

#endif
