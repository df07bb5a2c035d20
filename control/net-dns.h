/* SPDX-License-Identifier: ISC
 *
 * DNS answers for `postern check network`, with resolver's own modules: as Postern asks
 * (the configuration's section resolver, validated), or as the name servers of
 * /etc/resolv.conf answer.
 */
#ifndef POSTERN_CONTROL_NET_DNS_H
#define POSTERN_CONTROL_NET_DNS_H

#include "resolver/answer.h"

struct conf;

enum net_view { NET_VIEW_OWN, NET_VIEW_SYSTEM };

enum { NET_SERVER_SIZE = 48 }; /* a numeric address */

struct net_ask {
	struct question question;
	struct answer answer; /* lives in the pool; DNS_TEMPORARY when none came in time */
};

/* The address in a line of /etc/resolv.conf; false when it names no server. */
bool net_dns_server(struct str line, char out[NET_SERVER_SIZE]);

/* Asks all at once; `seconds` for all together. False when it cannot be done at all, after having
 * said why on stderr. */
bool net_dns_ask(const struct conf *conf, enum net_view view, struct net_ask *asks, size_t count,
    struct pool *pool, unsigned seconds);

#endif
