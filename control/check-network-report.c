/* SPDX-License-Identifier: ISC */
#include "control/check-network.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>

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

static const char *names_word(const struct network_subject *s)
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

static void print_subject(struct network_subject *s)
{
	char address[INET6_ADDRSTRLEN] = "";
	if (network_has_address(s))
		format_address(&s->probe.address, address);
	clean(s->sight.greeting);
	printf("%-16s %-13s %.*s%s%s%s", s->domain, names_word(s), STR_ARG(network_exchanger(s)),
	    network_has_address(s) ? "[" : "", address, network_has_address(s) ? "] " : "");
	if (network_has_address(s))
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

static bool no_names(const struct network_check *c)
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

bool network_is_faulty(const struct network_check *c)
{
	return c->names != NETFAULT_NONE || c->links != NETFAULT_NONE || no_names(c);
}

void network_report(struct network_check *c)
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
	if (!network_is_faulty(c))
		printf("\nno fault was found: mail can leave this machine.\n");
}

static json_t *json_string_of(struct str s)
{
	json_t *value = json_stringn(s.p == NULL ? "" : s.p, s.n);
	return value == NULL ? json_null() : value;
}

static json_t *json_of_subject(struct network_subject *s)
{
	char address[INET6_ADDRSTRLEN] = "";
	if (network_has_address(s))
		format_address(&s->probe.address, address);
	clean(s->sight.greeting);
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "domain", s->domain, "names",
	    names_word(s), "exchanger", json_string_of(network_exchanger(s)), "address", address,
	    "link", network_has_address(s) ? net_outcome_name(s->sight.outcome) : "", "greeting",
	    s->sight.greeting, "certificate", s->sight.fingerprint);
}

void network_report_json(struct network_check *c)
{
	json_t *list = json_array();
	for (size_t i = 0; i < c->count; i++)
		json_array_append_new(list, json_of_subject(&c->subjects[i]));
	json_t *all = json_pack("{s:b, s:s, s:s, s:b, s:o}", "fault", network_is_faulty(c), "names",
	    no_names(c) ? "no name server answers" : netfault_name(c->names), "links",
	    netfault_name(c->links), "other_ports_work", c->others_work, "domains", list);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}
