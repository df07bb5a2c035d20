/* SPDX-License-Identifier: ISC
 *
 * Sections of which there can be many, each with a title: certificate, relay, lmtp,
 * destination.
 * (`listen` has a title, too, but stands for addresses: conf-listen.c.)
 */
#include "common/conf-internal.h"
#include "common/mem.h"
#include "common/nexthop.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

enum { IMPLICIT_TLS_PORT = 465 };

/* --- Lists of structs --- */

/* Where struct conf has them. The first field of each struct is its title. */
struct kind {
	size_t list; /* offset of the pointer to the first; 0: none */
	size_t count;
	size_t size;
	size_t line; /* offset in the struct */
};

#define KIND(field, counter, type)                                                                 \
	{                                                                                          \
		offsetof(struct conf, field), offsetof(struct conf, counter), sizeof(type),        \
		    offsetof(type, line)                                                           \
	}

static const struct kind kinds[CONF_SECTIONS] = {
    [CONF_IN_certificate] = KIND(certificates, certificate_count, struct conf_certificate),
    [CONF_IN_relay] = KIND(relays, relay_count, struct conf_relay),
    [CONF_IN_lmtp] = KIND(lmtps, lmtp_count, struct conf_lmtp),
    [CONF_IN_destination] = KIND(destinations, destination_count, struct conf_destination),
};

_Static_assert(
    offsetof(struct conf_certificate, name) == 0 && offsetof(struct conf_relay, name) == 0 &&
	offsetof(struct conf_lmtp, name) == 0 && offsetof(struct conf_destination, name) == 0,
    "titles come first");

static char **list_of(struct conf *conf, const struct kind *k)
{
	return (char **)(void *)((char *)conf + k->list);
}

static size_t *count_of(struct conf *conf, const struct kind *k)
{
	return (size_t *)(void *)((char *)conf + k->count);
}

void *conf_add_titled(struct conf *conf, const struct conf_heading *heading)
{
	const struct kind *k = &kinds[heading->section];
	if (k->list == 0)
		return NULL;
	size_t *count = count_of(conf, k);
	char **list = list_of(conf, k);
	*list = xreallocarray(*list, *count + 1, k->size);
	char *base = *list + (*count)++ * k->size;
	memset(base, 0, k->size);
	*(char **)(void *)base = str_dup(heading->title);
	*(unsigned *)(void *)(base + k->line) = heading->line;
	return base;
}

void conf_free_titled(struct conf *conf)
{
	for (unsigned i = 0; i < CONF_SECTIONS; i++) {
		const struct kind *k = &kinds[i];
		if (k->list == 0)
			continue;
		char *list = *list_of(conf, k);
		for (size_t n = 0; n < *count_of(conf, k); n++) {
			free(*(char **)(void *)(list + n * k->size));
			conf_free_fields(list + n * k->size, (enum conf_section)i);
		}
		free(list);
	}
}

/* --- Titles --- */

static bool is_below(struct str s)
{
	return s.n > 1 && s.p[0] == '.' && nexthop_is_host_name(str_skip(s, 1));
}

bool conf_check_title(
    struct conf_faults *faults, unsigned line, enum conf_section section, struct str title)
{
	const char *name = conf_section_names[section];
	struct nexthop unused;
	if (section == CONF_IN_certificate && nexthop_is_host_name(title))
		return true;
	if (section != CONF_IN_destination && section != CONF_IN_certificate &&
	    nexthop_is_section_name(title))
		return true;
	if (section == CONF_IN_destination && (is_below(title) || nexthop_parse(title, &unused)))
		return true;
	if (section == CONF_IN_certificate)
		conf_fault(faults, line,
		    "a certificate section is called as the host whose certificate it is: "
		    "certificate \"mx.example.org\" { ... }");
	else if (section == CONF_IN_destination)
		conf_fault(faults, line,
		    "a destination section is for a domain or another nexthop; write destination "
		    "\"example.org\" { ... }, \".example.org\", \"relay:NAME\" or "
		    "\"smtp:[mx.example.org]:25\"");
	else
		conf_fault(faults, line,
		    "a %s section has a name of letters, digits and hyphens: %s %s { ... }", name,
		    name, section == CONF_IN_listen ? "smtp" : "NAME");
	return false;
}

bool conf_is_same_title(enum conf_section section, struct str a, struct str b)
{
	char one[NEXTHOP_TEXT_SIZE], other[NEXTHOP_TEXT_SIZE];
	struct str x, y;
	if (section != CONF_IN_destination)
		return str_eq(a, b);
	if (!nexthop_canonical(a, one, &x) || !nexthop_canonical(b, other, &y))
		return str_caseeq(a, b);
	return str_eq(x, y);
}

static void lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = ascii_lower(*s);
}

/* --- What must hold --- */

struct checker {
	struct conf *conf;
	const struct conf_scan *scan;
	struct conf_faults *faults;
	enum conf_section section;
	const char *title; /* as in the file */
	unsigned line;	   /* of the heading */
};

/* 0 when the section does not have it. */
static unsigned line_of(const struct checker *c, const char *name)
{
	return conf_line(c->scan, c->section, name, str_from_cstr(c->title));
}

/* One that must be there. A value that was refused was reported already. */
static bool is_missing(
    const struct checker *c, const char *value, const char *name, const char *example)
{
	if (value == NULL && line_of(c, name) == 0)
		conf_fault(c->faults, c->line, "%s %s has no %s; write %s = \"%s\" into it",
		    conf_section_names[c->section], c->title, name, name, example);
	return value == NULL;
}

/* "smtp.example:465" is a host here, not a domain; what begins with a protocol is a nexthop. */
static bool read_host(const char *host, struct nexthop *out, char *text, size_t size)
{
	struct str s = str_from_cstr(host);
	size_t colon = str_find(s, ':');
	if (str_has_caseprefix(s, STR("smtp:")) || str_has_caseprefix(s, STR("lmtp:")))
		snprintf(text, size, "%s", host);
	else if (s.n > 0 && s.p[0] == '[')
		snprintf(text, size, "smtp:%s", host);
	else
		snprintf(text, size, "smtp:[%.*s]%s", STR_ARG(str_head(s, colon)), host + colon);
	return nexthop_parse(str_from_cstr(text), out) && out->kind != NEXTHOP_SOCKET &&
	       out->kind != NEXTHOP_RELAY;
}

static void check_relay_host(struct checker *c, struct conf_relay *r)
{
	char text[NEXTHOP_MAX + 16], canonical[NEXTHOP_TEXT_SIZE];
	struct nexthop n;
	if (is_missing(c, r->host, "host", "smtp.example.org:465"))
		return;
	if (!read_host(r->host, &n, text, sizeof(text))) {
		conf_fault(c->faults, line_of(c, "host"),
		    "relay %s: \"%.60s\" is no server; write \"smtp.example.org:465\", "
		    "\"192.0.2.1:25\" or \"[2001:db8::1]:25\"",
		    r->name, r->host);
		return;
	}
	if (line_of(c, "implicit-tls") == 0)
		r->implicit_tls = n.port == IMPLICIT_TLS_PORT;
	nexthop_format(&n, canonical);
	free(r->host);
	r->host = xstrdup(canonical);
}

static void check_domains(struct checker *c, struct conf_relay *r)
{
	for (size_t i = 0; i < r->domains.count; i++) {
		char *domain = r->domains.list[i];
		struct str s = str_from_cstr(domain);
		lower(domain);
		if (!is_below(s) && !nexthop_is_host_name(s))
			conf_fault(c->faults, line_of(c, "domains"),
			    "relay %s: \"%.60s\" is no domain; write \"example.org\", or "
			    "\".example.org\" for all below it",
			    r->name, domain);
	}
}

static void check_relay(struct checker *c, void *base)
{
	struct conf_relay *r = base;
	check_relay_host(c, r);
	check_domains(c, r);
	if (r->login != NULL && !nexthop_is_section_name(str_from_cstr(r->login)))
		conf_fault(c->faults, line_of(c, "login"),
		    "relay %s: login = \"%.60s\" is no name of letters, digits and hyphens; "
		    "write one of the table logins",
		    r->name, r->login);
	if (r->tls == TLS_NONE && r->implicit_tls)
		conf_fault(c->faults, line_of(c, "tls"),
		    "relay %s: TLS from the first octet cannot be without TLS; write tls = verify "
		    "or implicit-tls = no",
		    r->name);
	if (r->tls == 0)
		r->tls = r->login != NULL ? TLS_VERIFY : TLS_MAY;
}

static void check_certificate(struct checker *c, void *base)
{
	struct conf_certificate *k = base;
	lower(k->name);
	if (k->chain == NULL)
		conf_fault(c->faults, k->line,
		    "certificate %s has no chain; write chain = \"tls/mx.pem\" into it", k->name);
	if (k->key == NULL)
		conf_fault(c->faults, k->line,
		    "certificate %s has no key; write key = \"tls/mx.key\" into it", k->name);
}

static void check_lmtp(struct checker *c, void *base)
{
	static const struct sockaddr_un un;
	struct conf_lmtp *l = base;
	if (is_missing(c, l->socket, "socket", "/run/dovecot/lmtp"))
		return;
	if (strlen(l->socket) >= sizeof(un.sun_path))
		conf_fault(c->faults, line_of(c, "socket"),
		    "lmtp %s: the path of a socket has at most %zu octets; use a shorter one",
		    l->name, sizeof(un.sun_path) - 1);
}

/* What the section does not say is as for all others. */
static void fill(const struct checker *c, const char *name, unsigned *field, unsigned standard)
{
	if (line_of(c, name) == 0)
		*field = standard;
}

static void check_destination(struct checker *c, void *base)
{
	struct conf_destination *d = base;
	char canonical[NEXTHOP_TEXT_SIZE];
	struct str text;
	fill(c, "concurrency", &d->concurrency, c->conf->remote.destination_concurrency);
	fill(c, "retry-max", &d->retry_max, c->conf->queue.retry_max);
	fill(c, "retry-first", &d->retry_first, c->conf->queue.retry_first);
	fill(c, "lifetime", &d->lifetime, c->conf->queue.lifetime);
	/* A default gives way to what is written. */
	if (d->retry_first > d->retry_max && line_of(c, "retry-first") == 0)
		d->retry_first = d->retry_max;
	if (d->retry_first > d->retry_max && line_of(c, "retry-max") == 0)
		d->retry_max = d->retry_first;
	if (d->retry_first > d->retry_max)
		conf_fault(c->faults, line_of(c, "retry-max"),
		    "destination %s: retry-first is more than retry-max; change one of them",
		    d->name);
	if (nexthop_canonical(str_from_cstr(d->name), canonical, &text)) {
		free(d->name);
		d->name = str_dup(text);
	}
	if (d->name[0] == '.')
		lower(d->name);
}

static void (*const checks[CONF_SECTIONS])(struct checker *c, void *base) = {
    [CONF_IN_certificate] = check_certificate,
    [CONF_IN_relay] = check_relay,
    [CONF_IN_lmtp] = check_lmtp,
    [CONF_IN_destination] = check_destination,
};

void conf_check_titled(struct conf *conf, const struct conf_scan *scan, struct conf_faults *faults)
{
	if (conf->certificate_count > CONF_CERTIFICATES_MAX)
		conf_fault(faults, conf->certificates[CONF_CERTIFICATES_MAX].line,
		    "there are more than %d certificates", CONF_CERTIFICATES_MAX);
	for (unsigned i = 0; i < CONF_SECTIONS; i++) {
		const struct kind *k = &kinds[i];
		for (size_t n = 0; k->list != 0 && n < *count_of(conf, k); n++) {
			char *base = *list_of(conf, k) + n * k->size;
			char *title = xstrdup(*(char **)(void *)base);
			struct checker c = {conf, scan, faults, (enum conf_section)i, title,
			    *(unsigned *)(void *)(base + k->line)};
			checks[i](&c, base);
			free(title);
		}
	}
}
