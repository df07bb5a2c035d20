/* SPDX-License-Identifier: ISC
 *
 * What `postern check network` found out, domain by domain, and its report.
 */
#ifndef POSTERN_CONTROL_CHECK_NETWORK_H
#define POSTERN_CONTROL_CHECK_NETWORK_H

#include "common/conf.h"
#include "common/netfault.h"
#include "control/net-dns.h"
#include "control/net-probe.h"

enum { CHECK_NETWORK_DOMAINS = 16, CHECK_NETWORK_PORTS = 3 };

struct network_subject {
	const char *domain;
	struct answer own, system; /* of its MX records */
	bool contradicted;	   /* the machine's name servers do not say what was validated */
	struct net_probe probe;	   /* of its first exchanger; without an address there is none */
	struct net_sight sight;
	struct net_sight others[CHECK_NETWORK_PORTS]; /* other ports of that host */
};

struct network_check {
	const struct conf *conf;
	struct pool *pool;
	struct network_subject subjects[CHECK_NETWORK_DOMAINS];
	size_t count;
	enum netfault names, links;
	bool others_work; /* some other port of an exchanger took a connection */
};

static inline bool network_has_address(const struct network_subject *s)
{
	return s->probe.address_size > 0;
}
static inline struct str network_exchanger(const struct network_subject *s)
{
	return s->own.count > 0 ? s->own.hosts[0].host : (struct str){NULL, 0};
}

/* There is a fault, or nothing can be found out. */
bool network_is_faulty(const struct network_check *c);
/* To stdout; makes what servers said printable. */
void network_report(struct network_check *c);
void network_report_json(struct network_check *c);

#endif
