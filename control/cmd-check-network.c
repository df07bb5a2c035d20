/* SPDX-License-Identifier: ISC
 *
 * `postern check network [DOMAIN ...]`: whether mail can leave this machine at all, and if
 * not, which of the three classic faults it is (common/netfault.h) and what to do.
 *
 * For each domain: the exchangers as Postern's own resolver sees them and as the machine's
 * name servers do; then the first exchanger at port 25, and at other ports of the same
 * host, for a fault of the network is told from a fault of a server by comparing.
 */
#include "control/cmd-check-network.h"
#include "control/check-network.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { POOL_MAX = 4 * 1024 * 1024, SMTP_PORT = 25, DNS_SECONDS = 15, PROBE_SECONDS = 10 };

/* Of unrelated organisations on several continents, some signed. */
static const char *const some_domains[] = {"gmail.com", "outlook.com", "yahoo.com", "gmx.net",
    "icloud.com", "debian.org", "ietf.org", "nlnetlabs.nl"};

/* Where a mail server is likely to listen, too. */
static const unsigned other_ports[CHECK_NETWORK_PORTS] = {587, 465, 443};

/* --- names --------------------------------------------------------------- */

static bool same_hosts(const struct answer *a, const struct answer *b)
{
	for (size_t i = 0; i < a->count; i++) {
		size_t k = 0;
		while (k < b->count && !str_caseeq(a->hosts[i].host, b->hosts[k].host))
			k++;
		if (k == b->count)
			return false;
	}
	return a->count == b->count;
}

/* Only what was validated contradicts: an unsigned answer may differ from place to place. */
static bool contradicts(const struct answer *own, const struct answer *system)
{
	return own->state == DNS_OK && own->secure && system->state != DNS_TEMPORARY &&
	       !same_hosts(own, system);
}

static void judge_names(struct network_check *c)
{
	struct netfaults faults = {.verdict = NETFAULT_NONE};
	for (size_t i = 0; i < c->count; i++) {
		struct network_subject *s = &c->subjects[i];
		s->contradicted = contradicts(&s->own, &s->system);
		if (s->own.state == DNS_TEMPORARY)
			continue;
		bool forged = s->own.state == DNS_BOGUS || s->contradicted;
		netfaults_note(&faults, forged ? SIGHT_FORGED : SIGHT_NAMES,
		    str_from_cstr(s->domain), (struct str){NULL, 0}, i);
	}
	c->names = faults.verdict;
}

static bool look_exchangers_up(struct network_check *c)
{
	struct net_ask own[CHECK_NETWORK_DOMAINS], system[CHECK_NETWORK_DOMAINS];
	for (size_t i = 0; i < c->count; i++) {
		if (!question_host(RR_MX, str_from_cstr(c->subjects[i].domain), &own[i].question)) {
			fprintf(stderr, "postern: \"%s\" is no domain\n", c->subjects[i].domain);
			return false;
		}
		system[i].question = own[i].question;
	}
	if (!net_dns_ask(c->conf, NET_VIEW_OWN, own, c->count, c->pool, DNS_SECONDS) ||
	    !net_dns_ask(c->conf, NET_VIEW_SYSTEM, system, c->count, c->pool, DNS_SECONDS))
		return false;
	for (size_t i = 0; i < c->count; i++) {
		c->subjects[i].own = own[i].answer;
		c->subjects[i].system = system[i].answer;
	}
	return true;
}

static void set_address(struct net_probe *probe, const struct answer *a)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&probe->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&probe->address;
	if (a->state != DNS_OK || a->count == 0 || probe->address_size > 0)
		return;
	struct str octets = a->addresses[0].octets;
	if (octets.n == sizeof(in->sin_addr)) {
		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, octets.p, octets.n);
		probe->address_size = sizeof(*in);
	} else {
		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, octets.p, octets.n);
		probe->address_size = sizeof(*in6);
	}
}

/* IPv4 before IPv6: what is wrong with the network is wrong with it, too. */
static bool find_addresses(struct network_check *c)
{
	struct net_ask asks[2 * CHECK_NETWORK_DOMAINS];
	struct network_subject *of[2 * CHECK_NETWORK_DOMAINS];
	size_t n = 0;
	for (size_t i = 0; i < 2 * c->count; i++) {
		struct network_subject *s = &c->subjects[i % c->count];
		struct str host = network_exchanger(s);
		of[n] = s;
		n += question_address(i < c->count ? 4 : 6, host, &asks[n].question);
	}
	if (n == 0)
		return true;
	if (!net_dns_ask(c->conf, NET_VIEW_OWN, asks, n, c->pool, DNS_SECONDS))
		return false;
	for (size_t i = 0; i < n; i++)
		set_address(&of[i]->probe, &asks[i].answer);
	return true;
}

/* --- links --------------------------------------------------------------- */

static void set_port(struct sockaddr_storage *address, unsigned port)
{
	if (address->ss_family == AF_INET)
		((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
	else
		((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
}

/* All of them at once: the exchangers' own port, then the other ones. */
static bool probe_links(struct network_check *c)
{
	struct net_probe probes[CHECK_NETWORK_DOMAINS * (1 + CHECK_NETWORK_PORTS)];
	struct net_sight sights[CHECK_NETWORK_DOMAINS * (1 + CHECK_NETWORK_PORTS)];
	size_t n = 0;
	for (size_t i = 0; i < c->count; i++) {
		if (!network_has_address(&c->subjects[i]))
			continue;
		probes[n] = c->subjects[i].probe;
		probes[n].smtp = true;
		set_port(&probes[n++].address, SMTP_PORT);
		for (size_t k = 0; k < CHECK_NETWORK_PORTS; k++, n++) {
			probes[n] = c->subjects[i].probe;
			set_port(&probes[n].address, other_ports[k]);
		}
	}
	if (!net_probe_all(probes, sights, n, PROBE_SECONDS))
		return false;
	n = 0;
	for (size_t i = 0; i < c->count; i++) {
		if (!network_has_address(&c->subjects[i]))
			continue;
		c->subjects[i].sight = sights[n++];
		memcpy(c->subjects[i].others, &sights[n], sizeof(c->subjects[i].others));
		n += CHECK_NETWORK_PORTS;
	}
	return true;
}

static void note_link(
    struct netfaults *faults, const struct network_subject *s, struct str who, uint64_t now)
{
	netfaults_note(faults, s->sight.outcome == NET_GREETED ? SIGHT_GREETED : SIGHT_NO_LINK,
	    network_exchanger(s), who, now);
}

static void judge_links(struct network_check *c)
{
	struct netfaults by_name = {.verdict = NETFAULT_NONE}, by_certificate = by_name;
	for (size_t i = 0; i < c->count; i++) {
		const struct network_subject *s = &c->subjects[i];
		if (!network_has_address(s))
			continue;
		note_link(&by_name, s, netfault_greeter(str_from_cstr(s->sight.greeting)), i);
		if (s->sight.fingerprint[0] != '\0')
			note_link(&by_certificate, s, str_from_cstr(s->sight.fingerprint), i);
		for (size_t k = 0; k < CHECK_NETWORK_PORTS; k++)
			c->others_work |= s->others[k].outcome == NET_CONNECTED;
	}
	c->links =
	    by_certificate.verdict == NETFAULT_DIVERTED ? NETFAULT_DIVERTED : by_name.verdict;
}

/* --- all together -------------------------------------------------------- */

static int run(struct network_check *c, bool json)
{
	if (!look_exchangers_up(c) || !find_addresses(c))
		return EX_CONFIG;
	if (!probe_links(c)) {
		fprintf(
		    stderr, "postern: the exchangers cannot be looked at: %s\n", strerror(errno));
		return EX_OSERR;
	}
	judge_names(c);
	judge_links(c);
	if (json)
		network_report_json(c);
	else
		network_report(c);
	return network_is_faulty(c) ? EX_UNAVAILABLE : EX_OK;
}

int cmd_check_network(const struct command_context *ctx, int argc, char **argv)
{
	struct network_check c = {.conf = ctx->conf};
	const char *const *domains = some_domains;
	c.count = sizeof(some_domains) / sizeof(some_domains[0]);
	if (argc > 1) {
		domains = (const char *const *)argv + 1;
		c.count = (size_t)argc - 1;
	}
	if (c.count < NETFAULT_UNRELATED || c.count > CHECK_NETWORK_DOMAINS) {
		fprintf(stderr,
		    "postern: check network compares %d to %d domains of different owners\n",
		    NETFAULT_UNRELATED, CHECK_NETWORK_DOMAINS);
		return EX_USAGE;
	}
	for (size_t i = 0; i < c.count; i++)
		c.subjects[i].domain = domains[i];
	c.pool = pool_new(POOL_MAX);
	int status = run(&c, ctx->json);
	pool_free(c.pool);
	return status;
}
