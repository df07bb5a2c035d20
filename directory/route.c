/* SPDX-License-Identifier: ISC */
#include "directory/route.h"
#include "directory/key.h"

/* From the domain to ".parent", the nearest first; false when there is no further one. */
static bool next_pattern(struct str *pattern)
{
	bool below = pattern->n > 0 && pattern->p[0] == '.';
	struct str rest = below ? str_skip(*pattern, 1) : *pattern;
	*pattern = str_skip(rest, str_find(rest, '.'));
	return pattern->n > 1;
}

static bool is_literal(struct str domain)
{
	return domain.n > 0 && domain.p[0] == '[';
}

struct search {
	const struct lookup *lookup;
	const struct expand_rules *rules;
	struct pool *pool;
	struct str domain;
	bool held; /* "hold" was found: the rest says where it goes later */
	struct route *out;
};

/* Each step returns true when the search is over. */
static bool over(struct search *s, enum transport transport, struct str nexthop)
{
	*s->out = (struct route){.status = ROUTED,
	    .transport = s->held ? TRANSPORT_HOLD : transport,
	    .nexthop = nexthop};
	return true;
}

static bool fail(struct search *s, enum route_status status, struct str text)
{
	*s->out = (struct route){.status = status, .text = text};
	return true;
}

static bool take_record(struct search *s, const struct route_record *r)
{
	switch (r->kind) {
	case ROUTE_NEXTHOP:
		return over(s, TRANSPORT_REMOTE, r->text);
	case ROUTE_HOLD:
		s->held = true;
		return false;
	case ROUTE_DISCARD:
		/* What is held is not thrown away by what stands further down. */
		return !s->held && over(s, TRANSPORT_DISCARD, (struct str){NULL, 0});
	case ROUTE_ERROR:
		break;
	}
	return !s->held && fail(s, ROUTE_REFUSED, r->text);
}

static bool look_up(struct search *s, struct str key)
{
	struct str value;
	struct route_record r;
	switch (lookup_get(s->lookup, TABLE_ROUTES, key, s->pool, &value)) {
	case LOOKUP_NONE:
		return false;
	case LOOKUP_FOUND:
		if (route_get(value, &r))
			return take_record(s, &r);
		break;
	case LOOKUP_FAILED:
		break;
	}
	return fail(s, ROUTE_UNKNOWN, s->domain);
}

static bool in_routes(struct search *s)
{
	struct str p = s->domain;
	if (is_literal(s->domain))
		return false;
	do {
		if (look_up(s, p))
			return true;
	} while (next_pattern(&p));
	return false;
}

static bool to_relay(struct search *s, const struct conf_relay *relay)
{
	static const char prefix[] = "relay:";
	size_t n = sizeof(prefix) - 1, length = strlen(relay->name);
	char *text = pool_alloc(s->pool, n + length);
	if (text == NULL)
		return fail(s, ROUTE_UNKNOWN, s->domain);
	memcpy(text, prefix, n);
	memcpy(text + n, relay->name, length);
	return over(s, TRANSPORT_REMOTE, (struct str){text, n + length});
}

static const struct conf_relay *find_relay(const struct conf *conf, struct str pattern)
{
	for (size_t i = 0; i < conf->relay_count; i++) {
		const struct conf_name_list *domains = &conf->relays[i].domains;
		for (size_t k = 0; k < domains->count; k++)
			if (str_eq(str_from_cstr(domains->list[k]), pattern))
				return &conf->relays[i];
	}
	return NULL;
}

static bool in_relays(struct search *s)
{
	struct str p = s->domain;
	if (s->rules->conf == NULL || is_literal(s->domain))
		return false;
	do {
		const struct conf_relay *relay = find_relay(s->rules->conf, p);
		if (relay != NULL)
			return to_relay(s, relay);
	} while (next_pattern(&p));
	return false;
}

static bool to_any_relay(struct search *s)
{
	const struct conf *conf = s->rules->conf;
	for (size_t i = 0; conf != NULL && i < conf->relay_count; i++)
		if (conf->relays[i].domains.count == 0)
			return to_relay(s, &conf->relays[i]);
	return false;
}

static void to_itself(struct search *s)
{
	char canonical[NEXTHOP_TEXT_SIZE];
	struct nexthop n;
	struct str text;
	bool ok = nexthop_parse(s->domain, &n) &&
		  (n.kind == NEXTHOP_DOMAIN || n.kind == NEXTHOP_ADDRESS);
	if (!ok)
		fail(s, ROUTE_REFUSED, STR("5.1.2 there is no way to such a domain"));
	else if (!pool_copy(s->pool, nexthop_format(&n, canonical), &text))
		fail(s, ROUTE_UNKNOWN, s->domain);
	else
		over(s, TRANSPORT_REMOTE, text);
}

void route_find(const struct lookup *lookup, const struct expand_rules *rules, struct str domain,
    struct pool *pool, struct route *out)
{
	struct search s = {lookup, rules, pool, domain, false, out};
	if (!in_routes(&s) && !in_relays(&s) && !look_up(&s, STR("*")) && !to_any_relay(&s))
		to_itself(&s);
}

void route_own(
    const struct lookup *lookup, struct str domain, struct pool *pool, struct route *out)
{
	struct search s = {lookup, NULL, pool, domain, false, out};
	if (look_up(&s, domain))
		return;
	if (s.held)
		over(&s, TRANSPORT_LOCAL, (struct str){NULL, 0});
	else
		fail(&s, ROUTE_NONE, domain);
}

/* --- TLS --- */

static enum lookup_result get_tls(
    const struct lookup *lookup, struct str key, struct pool *pool, struct tls_record *out)
{
	struct str value;
	enum lookup_result found = lookup_get(lookup, TABLE_TLS, key, pool, &value);
	if (found != LOOKUP_FOUND)
		return found;
	return tls_get(value, out) ? LOOKUP_FOUND : LOOKUP_FAILED;
}

/* The literal of an address, whatever its port. */
static enum lookup_result get_tls_of_address(const struct lookup *lookup,
    const struct nexthop *nexthop, struct pool *pool, struct tls_record *out)
{
	struct nexthop bare = *nexthop;
	char text[NEXTHOP_TEXT_SIZE];
	bare.protocol = NEXTHOP_SMTP;
	bare.port = 25;
	return get_tls(lookup, nexthop_format(&bare, text), pool, out);
}

static enum lookup_result get_tls_of_name(
    const struct lookup *lookup, struct str name, struct pool *pool, struct tls_record *out)
{
	struct str p;
	if (!key_lower(name, pool, &p))
		return LOOKUP_FAILED;
	enum lookup_result found;
	do
		found = get_tls(lookup, p, pool, out);
	while (found == LOOKUP_NONE && next_pattern(&p));
	return found;
}

enum lookup_result route_tls(const struct lookup *lookup, const struct nexthop *nexthop,
    struct pool *pool, struct tls_record *out)
{
	char text[NEXTHOP_TEXT_SIZE];
	enum lookup_result found = get_tls(lookup, nexthop_format(nexthop, text), pool, out);
	if (found == LOOKUP_NONE && nexthop->kind == NEXTHOP_ADDRESS)
		found = get_tls_of_address(lookup, nexthop, pool, out);
	else if (found == LOOKUP_NONE)
		found = get_tls_of_name(lookup, nexthop->name, pool, out);
	return found == LOOKUP_NONE ? get_tls(lookup, STR("*"), pool, out) : found;
}
