/* SPDX-License-Identifier: ISC
 *
 * `postern check network [DOMAIN ...]`: whether mail can leave this machine at all, and if
 * not, which of the three classic faults it is (common/netfault.h) and what to do.
 *
 * For each domain: the exchangers as Postern's own resolver sees them and as the machine's
 * name servers do; then the first exchanger at port 25, and at other ports of the same
 * host, for a fault of the network is told from a fault of a server by comparing.
 */
#include "common/netfault.h"
#include "control/cmd-check-network.h"
#include "control/net-dns.h"
#include "control/net-probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum {
	DOMAINS_MAX = 16,
	POOL_MAX = 4 * 1024 * 1024,
	SMTP_PORT = 25,
	DNS_SECONDS = 15,
	PROBE_SECONDS = 10
};

/* Of unrelated organisations on several continents, some signed. */
static const char *const some_domains[] = {"gmail.com", "outlook.com", "yahoo.com", "gmx.net",
    "icloud.com", "debian.org", "ietf.org", "nlnetlabs.nl"};

/* Where a mail server is likely to listen, too. */
static const unsigned other_ports[] = {587, 465, 443};
enum { OTHER_PORTS = sizeof(other_ports) / sizeof(other_ports[0]) };

struct subject {
	const char *domain;
	struct answer own, system; /* of its MX records */
	bool contradicted;	   /* the machine's name servers do not say what was validated */
	struct net_probe probe;	   /* of its first exchanger; without an address there is none */
	struct net_sight sight;
	struct net_sight others[OTHER_PORTS];
};

struct check {
	const struct conf *conf;
	struct pool *pool;
	struct subject subjects[DOMAINS_MAX];
	size_t count;
	enum netfault names, links;
	bool others_work; /* some other port of an exchanger took a connection */
};

static bool has_address(const struct subject *s)
{
	return s->probe.address_size > 0;
}

static struct str first_host(const struct answer *e)
{
	return e->count > 0 ? e->hosts[0].host : (struct str){NULL, 0};
}

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

static void judge_names(struct check *c)
{
	struct netfaults faults = {.verdict = NETFAULT_NONE};
	for (size_t i = 0; i < c->count; i++) {
		struct subject *s = &c->subjects[i];
		s->contradicted = contradicts(&s->own, &s->system);
		if (s->own.state == DNS_TEMPORARY)
			continue;
		bool forged = s->own.state == DNS_BOGUS || s->contradicted;
		netfaults_note(&faults, forged ? SIGHT_FORGED : SIGHT_NAMES,
		    str_from_cstr(s->domain), (struct str){NULL, 0}, i);
	}
	c->names = faults.verdict;
}

static bool look_exchangers_up(struct check *c)
{
	struct net_ask own[DOMAINS_MAX], system[DOMAINS_MAX];
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
static bool find_addresses(struct check *c)
{
	struct net_ask asks[2 * DOMAINS_MAX];
	struct subject *of[2 * DOMAINS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < 2 * c->count; i++) {
		struct subject *s = &c->subjects[i % c->count];
		struct str host = first_host(&s->own);
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
static bool probe_links(struct check *c)
{
	struct net_probe probes[DOMAINS_MAX * (1 + OTHER_PORTS)];
	struct net_sight sights[DOMAINS_MAX * (1 + OTHER_PORTS)];
	size_t n = 0;
	for (size_t i = 0; i < c->count; i++) {
		if (!has_address(&c->subjects[i]))
			continue;
		probes[n] = c->subjects[i].probe;
		probes[n].smtp = true;
		set_port(&probes[n++].address, SMTP_PORT);
		for (size_t k = 0; k < OTHER_PORTS; k++, n++) {
			probes[n] = c->subjects[i].probe;
			set_port(&probes[n].address, other_ports[k]);
		}
	}
	if (!net_probe_all(probes, sights, n, PROBE_SECONDS))
		return false;
	n = 0;
	for (size_t i = 0; i < c->count; i++) {
		if (!has_address(&c->subjects[i]))
			continue;
		c->subjects[i].sight = sights[n++];
		memcpy(c->subjects[i].others, &sights[n], sizeof(c->subjects[i].others));
		n += OTHER_PORTS;
	}
	return true;
}

static void note_link(
    struct netfaults *faults, const struct subject *s, struct str who, uint64_t now)
{
	netfaults_note(faults, s->sight.outcome == NET_GREETED ? SIGHT_GREETED : SIGHT_NO_LINK,
	    first_host(&s->own), who, now);
}

static void judge_links(struct check *c)
{
	struct netfaults by_name = {.verdict = NETFAULT_NONE}, by_certificate = by_name;
	for (size_t i = 0; i < c->count; i++) {
		const struct subject *s = &c->subjects[i];
		if (!has_address(s))
			continue;
		note_link(&by_name, s, netfault_greeter(str_from_cstr(s->sight.greeting)), i);
		if (s->sight.fingerprint[0] != '\0')
			note_link(&by_certificate, s, str_from_cstr(s->sight.fingerprint), i);
		for (size_t k = 0; k < OTHER_PORTS; k++)
			c->others_work |= s->others[k].outcome == NET_CONNECTED;
	}
	c->links =
	    by_certificate.verdict == NETFAULT_DIVERTED ? NETFAULT_DIVERTED : by_name.verdict;
}

/* --- the report ---------------------------------------------------------- */

static void format_address(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN])
{
	const void *ip = a->ss_family == AF_INET
			     ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
			     : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
	inet_ntop(a->ss_family, ip, out, INET6_ADDRSTRLEN);
}

/* What a server said goes to a terminal: nothing but printable characters. */
static void clean(char *text)
{
	for (; *text != '\0'; text++)
		if (!ascii_is_print(*text))
			*text = '?';
}

static const char *names_word(const struct subject *s)
{
	static const char *const words[] = {
	    [DNS_OK] = "insecure",
	    [DNS_NO_NAME] = "no such domain",
	    [DNS_NO_DATA] = "no MX",
	    [DNS_TEMPORARY] = "no answer",
	    [DNS_BOGUS] = "forged",
	};
	if (s->contradicted)
		return "contradicted";
	return s->own.state == DNS_OK && s->own.secure ? "secure" : words[s->own.state];
}

static void print_subject(struct subject *s)
{
	char address[INET6_ADDRSTRLEN] = "";
	if (has_address(s))
		format_address(&s->probe.address, address);
	clean(s->sight.greeting);
	printf("%-16s %-13s %.*s%s%s%s", s->domain, names_word(s), STR_ARG(first_host(&s->own)),
	    has_address(s) ? "[" : "", address, has_address(s) ? "] " : "");
	if (has_address(s))
		printf("%s%s%.80s", net_outcome_name(s->sight.outcome),
		    s->sight.greeting[0] == '\0' ? "" : ": ", s->sight.greeting);
	if (s->own.state != DNS_OK && s->own.why.n > 0)
		printf("(%.*s)", STR_ARG(s->own.why));
	putchar('\n');
}

static void print_fault(enum netfault fault)
{
	if (fault != NETFAULT_NONE)
		printf("\n%s.\n%s", netfault_name(fault), netfault_remedy(fault));
}

static bool no_names(const struct check *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->subjects[i].own.state != DNS_TEMPORARY)
			return false;
	return true;
}

static bool is_relayed(const struct conf *conf)
{
	for (size_t i = 0; i < conf->relay_count; i++)
		if (conf->relays[i].domains.count == 0)
			return true;
	return false;
}

static bool is_faulty(const struct check *c)
{
	return c->names != NETFAULT_NONE || c->links != NETFAULT_NONE || no_names(c);
}

static void print_report(struct check *c)
{
	for (size_t i = 0; i < c->count; i++)
		print_subject(&c->subjects[i]);
	if (no_names(c))
		printf("\nno name server answers.\n%s",
		    c->conf->resolver.forwarders.count > 0
			? "The forwarders of the section resolver do not answer: correct them, or "
			  "remove\n"
			  "them, so that the domains' own servers are asked.\n"
			: "The domains' own servers cannot be asked from here (port 53): is there "
			  "a network?\n"
			  "Where only the provider's name servers may be asked, write\n"
			  "    resolver { forwarders = { \"192.0.2.53\" } }\n"
			  "with their address into postern.conf, then\n"
			  "    postern reload\n");
	print_fault(c->names);
	print_fault(c->links);
	if (c->links == NETFAULT_BLOCKED && c->others_work)
		printf("Other ports of the same hosts can be connected to: it is port 25 alone.\n");
	if (c->links == NETFAULT_BLOCKED && !c->others_work)
		printf("Nothing else of these hosts can be connected to either: perhaps there is "
		       "no network.\n");
	if (c->links != NETFAULT_NONE && is_relayed(c->conf))
		printf("The configuration has a relay for all mail already; it is not affected.\n");
	if (!is_faulty(c))
		printf("\nno fault was found: mail can leave this machine.\n");
}

static json_t *json_string_of(struct str s)
{
	json_t *value = json_stringn(s.p == NULL ? "" : s.p, s.n);
	return value == NULL ? json_null() : value;
}

static json_t *json_of_subject(struct subject *s)
{
	char address[INET6_ADDRSTRLEN] = "";
	if (has_address(s))
		format_address(&s->probe.address, address);
	clean(s->sight.greeting);
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "domain", s->domain, "names",
	    names_word(s), "exchanger", json_string_of(first_host(&s->own)), "address", address,
	    "link", has_address(s) ? net_outcome_name(s->sight.outcome) : "", "greeting",
	    s->sight.greeting, "certificate", s->sight.fingerprint);
}

static void print_json(struct check *c)
{
	json_t *list = json_array();
	for (size_t i = 0; i < c->count; i++)
		json_array_append_new(list, json_of_subject(&c->subjects[i]));
	json_t *all = json_pack("{s:b, s:s, s:s, s:b, s:o}", "fault", is_faulty(c), "names",
	    no_names(c) ? "no name server answers" : netfault_name(c->names), "links",
	    netfault_name(c->links), "other_ports_work", c->others_work, "domains", list);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

/* --- all together -------------------------------------------------------- */

static int run(struct check *c, bool json)
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
		print_json(c);
	else
		print_report(c);
	return is_faulty(c) ? EX_UNAVAILABLE : EX_OK;
}

int cmd_check_network(const struct command_context *ctx, int argc, char **argv)
{
	struct check c = {.conf = ctx->conf};
	const char *const *domains = some_domains;
	c.count = sizeof(some_domains) / sizeof(some_domains[0]);
	if (argc > 1) {
		domains = (const char *const *)argv + 1;
		c.count = (size_t)argc - 1;
	}
	if (c.count < NETFAULT_UNRELATED || c.count > DOMAINS_MAX) {
		fprintf(stderr,
		    "postern: check network compares %d to %d domains of different owners\n",
		    NETFAULT_UNRELATED, DOMAINS_MAX);
		return EX_USAGE;
	}
	for (size_t i = 0; i < c.count; i++)
		c.subjects[i].domain = domains[i];
	c.pool = pool_new(POOL_MAX);
	int status = run(&c, ctx->json);
	pool_free(c.pool);
	return status;
}
