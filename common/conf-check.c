/* SPDX-License-Identifier: ISC
 *
 * What must hold of the values that have no bounds of their own, and between values.
 */
#include "common/address.h"
#include "common/auth.h"
#include "common/conf-client.h"
#include "common/conf-internal.h"
#include "common/mailbox-path.h"
#include "common/mem.h"
#include "common/paths.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { RUN_PATH_MAX = 90 /* and a name of a socket in it, in 108 */ };

static const struct str untitled = {NULL, 0};

struct checker {
	struct conf *conf;
	const struct conf_scan *scan;
	const char *hostname;
	struct conf_faults *faults;
};

static unsigned top_line(const struct checker *r, const char *name)
{
	return conf_line(r->scan, CONF_IN_top, name, untitled);
}

static void check_hostname(struct checker *r)
{
	unsigned line = top_line(r, "hostname");
	char **hostname = &r->conf->hostname;
	if (*hostname == NULL)
		*hostname = xstrdup(r->hostname);
	struct str name = str_from_cstr(*hostname);
	bool usable = address_is_domain(name, false) && str_find(name, '.') < name.n;
	if (usable)
		return;
	if (line == 0)
		conf_fault(r->faults, 0,
		    "this machine calls itself \"%.60s\", which is no full name; write hostname = "
		    "\"mx.example.org\"",
		    *hostname);
	else
		conf_fault(r->faults, line,
		    "hostname = \"%.60s\" is no full name of a machine; write one such as "
		    "\"mx.example.org\"",
		    *hostname);
}

static void check_postmaster(struct checker *r)
{
	struct address address;
	char *given = r->conf->postmaster;
	if (given == NULL)
		return;
	if (address_parse(str_from_cstr(given), true, &address) != ADDRESS_OK) {
		conf_fault(r->faults, top_line(r, "postmaster"),
		    "postmaster = \"%.60s\" is no address; write one such as \"admin@example.org\"",
		    given);
		return;
	}
	struct pool *pool = pool_new(4096);
	struct str canonical;
	if (address_canonical(&address, pool, &canonical)) {
		r->conf->postmaster = str_dup(canonical);
		free(given);
	}
	pool_free(pool);
}

static void check_mailboxes(struct checker *r)
{
	if (r->conf->mailboxes == NULL) {
		if (top_line(r, "mailboxes") == 0)
			conf_fault(r->faults, 0,
			    "mailboxes is missing; write mailboxes = \"/var/mail/virtual/%%d/%%n\"");
		return;
	}
	const char *fault = mailbox_template_fault(r->conf->mailboxes);
	if (fault != NULL)
		conf_fault(r->faults, top_line(r, "mailboxes"),
		    "mailboxes = \"%.200s\" %s; write one such as \"/var/mail/virtual/%%d/%%n\"",
		    r->conf->mailboxes, fault);
}

static void check_delimiter(struct checker *r)
{
	const char *d = r->conf->recipient_delimiter;
	if (d[0] == '\0' ||
	    (d[1] == '\0' && strchr("!#$%&'*+-/=?^_`{|}~", d[0]) != NULL && d[0] != '/'))
		return;
	conf_fault(r->faults, top_line(r, "recipient-delimiter"),
	    "recipient-delimiter = \"%.60s\": it can be one of + - = _ # ~ and the like, or empty",
	    d);
}

static void check_run(struct checker *r)
{
	if (strlen(r->conf->run) > RUN_PATH_MAX)
		conf_fault(r->faults, top_line(r, "run"),
		    "run: the path is longer than %d octets, too long for the names of sockets in "
		    "it",
		    RUN_PATH_MAX);
}

/* One option that may not be larger than another; a default gives way. */
static void check_order(struct checker *r, enum conf_section section, const char *small,
    unsigned *small_value, const char *large, uint64_t large_value)
{
	unsigned a = conf_line(r->scan, section, small, untitled);
	unsigned b = conf_line(r->scan, section, large, untitled);
	if (*small_value <= large_value)
		return;
	if (a == 0)
		*small_value = (unsigned)large_value;
	else
		conf_fault(r->faults, a > b ? a : b,
		    "%s { %s } is more than %s; change one of them", conf_section_names[section],
		    small, large);
}

static void check_orders(struct checker *r)
{
	struct conf *c = r->conf;
	check_order(
	    r, CONF_IN_smtp, "header-max", &c->smtp.header_max, "size-max", c->smtp.message_max);
	check_order(r, CONF_IN_remote, "destination-concurrency",
	    &c->remote.destination_concurrency, "concurrency", c->remote.concurrency);
	check_order(r, CONF_IN_queue, "retry-first", &c->queue.retry_first, "retry-max",
	    c->queue.retry_max);
	if (c->queue.spool_max > 0 && c->queue.spool_max < 4 * MIB)
		conf_fault(r->faults, conf_line(r->scan, CONF_IN_queue, "spool-max", untitled),
		    "spool-max: write 0 for the whole file system, or at least \"4 MiB\"");
	else if (c->queue.spool_max > 0)
		check_order(r, CONF_IN_queue, "segment-size", &c->queue.segment_size, "spool-max",
		    c->queue.spool_max / 4);
}

/* "~/Maildir": at least one component, all of them names. */
static bool is_below_home(struct str s)
{
	if (!str_has_prefix(s, STR("~/")) || s.n > SYSTEM_MAILBOX_MAX)
		return false;
	for (s = str_skip(s, 2);; s = str_skip(s, 1)) {
		struct str name = str_head(s, str_find(s, '/'));
		if (name.n == 0 || str_eq(name, STR(".")) || str_eq(name, STR("..")))
			return false;
		s = str_skip(s, name.n);
		if (s.n == 0)
			return true;
	}
}

static void check_system_domains(struct checker *r)
{
	const struct conf_name_list *domains = &r->conf->system.domains;
	unsigned line = conf_line(r->scan, CONF_IN_system, "domains", untitled);
	for (size_t i = 0; i < domains->count; i++) {
		char *domain = domains->list[i];
		for (char *p = domain; *p != '\0'; p++)
			*p = ascii_lower(*p);
		if (!address_is_domain(str_from_cstr(domain), false))
			conf_fault(r->faults, line,
			    "domains: \"%.60s\" is no domain; write one such as \"example.org\"",
			    domain);
	}
}

static void check_system(struct checker *r)
{
	struct conf_system *c = &r->conf->system;
	if (conf_line(r->scan, CONF_IN_system, "uid-max", untitled) == 0 && c->uid_max < c->uid_min)
		c->uid_max = c->uid_min;
	check_order(r, CONF_IN_system, "uid-min", &c->uid_min, "uid-max", c->uid_max);
	if (!is_below_home(str_from_cstr(c->mailbox)))
		conf_fault(r->faults, conf_line(r->scan, CONF_IN_system, "mailbox", untitled),
		    "mailbox = \"%.200s\" is no directory below the home; write \"~/Maildir\"",
		    c->mailbox);
	check_system_domains(r);
}

static unsigned remote_line(const struct checker *r, const char *name)
{
	return conf_line(r->scan, CONF_IN_remote, name, untitled);
}

static void check_source(
    struct checker *r, const char *name, const char *value, int family, const char *example)
{
	uint8_t address[16];
	if (value != NULL && inet_pton(family, value, address) != 1)
		conf_fault(r->faults, remote_line(r, name),
		    "%s = \"%.60s\" is no such address; write one of this machine, such as \"%s\"",
		    name, value, example);
}

static void check_remote(struct checker *r)
{
	struct conf_remote *c = &r->conf->remote;
	check_source(r, "source-ipv4", c->source4, AF_INET, "192.0.2.1");
	check_source(r, "source-ipv6", c->source6, AF_INET6, "2001:db8::1");
	if (c->helo == NULL)
		c->helo = xstrdup(r->conf->hostname);
	else if (!address_is_domain(str_from_cstr(c->helo), false) &&
		 !address_is_literal(str_from_cstr(c->helo)))
		conf_fault(r->faults, remote_line(r, "helo"),
		    "helo = \"%.60s\" is no host name; write one such as \"mx.example.org\"",
		    c->helo);
}

static void check_resolver(struct checker *r)
{
	const struct conf_name_list *forwarders = &r->conf->resolver.forwarders;
	for (size_t i = 0; i < forwarders->count; i++)
		if (!conf_is_server_address(str_from_cstr(forwarders->list[i])))
			conf_fault(r->faults,
			    conf_line(r->scan, CONF_IN_resolver, "forwarders", untitled),
			    "forwarders: \"%.60s\" is no address of a name server; write "
			    "\"192.0.2.53\" or \"[2001:db8::53]:5353\"",
			    forwarders->list[i]);
}

/* Where the suite has its spool, other files of its own are. */
static char *state_beside(const char *spool)
{
	size_t n = str_rfind(str_from_cstr(spool), '/');
	if (strcmp(spool, POSTERN_SPOOLDIR) == 0)
		return xstrdup(POSTERN_STATEDIR "/auth");
	return xasprintf("%.*s/auth", (int)n, spool);
}

static void check_auth(struct checker *r)
{
	struct conf_sasl *c = &r->conf->auth;
	for (size_t i = 0; i < c->mechanisms.count; i++) {
		unsigned m = auth_mechanism_find(str_from_cstr(c->mechanisms.list[i]));
		if (m == 0 || m == AUTH_SCRAM_SHA_256_PLUS)
			conf_fault(r->faults, conf_line(r->scan, CONF_IN_auth, "mechanisms", untitled),
			    m == 0 ? "mechanisms: \"%.60s\" is not known; known are SCRAM-SHA-256, "
				     "PLAIN and LOGIN"
				   : "mechanisms: \"%.60s\" needs no mention; SCRAM-SHA-256 brings it "
				     "along where there is TLS",
			    c->mechanisms.list[i]);
		c->offer |= m;
	}
	if (c->state == NULL)
		c->state = state_beside(r->conf->spool);
}

void conf_check(struct conf *conf, const struct conf_scan *scan, const char *hostname,
    struct conf_faults *faults)
{
	struct checker checker = {conf, scan, hostname, faults};
	struct checker *r = &checker;
	bool any = false;
	for (size_t i = 0; i < scan->heading_count; i++)
		any = any || scan->headings[i].section == CONF_IN_listen;
	if (!any)
		conf_fault(faults, 0, "nothing listens; write listen smtp { address = \"*:25\" }");
	check_mailboxes(r);
	check_postmaster(r);
	check_delimiter(r);
	check_run(r);
	check_orders(r);
	check_system(r);
	check_hostname(r);
	check_remote(r);
	check_resolver(r);
	check_auth(r);
	conf_check_titled(conf, scan, faults);
	conf_check_client_certificates(conf, scan, faults);
}
