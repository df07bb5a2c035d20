/* SPDX-License-Identifier: ISC
 *
 * routes: KEY ROUTE, one a line. KEY is a domain, ".example.org" for all below it, or
 * "*"; ROUTE a nexthop (common/nexthop.h), "error [5.x.y] TEXT", "discard" or "hold".
 */
#include "common/nexthop.h"
#include "directory/key.h"
#include "directory/lines.h"
#include "directory/records.h"
#include "directory/table.h"

enum { WORDS_MAX = 200 }; /* leaves room for the rest of a reply line */

/* "192.0.2.1", which would be a domain to the grammar, with a port or without, or "2001:db8::1". */
static bool is_bare_address(struct str text)
{
	uint8_t family, address[16];
	if (str_has_caseprefix(text, STR("smtp:")))
		text = str_skip(text, STR("smtp:").n);
	return nexthop_parse_ip(str_head(text, str_find(text, ':')), &family, address) ||
	       nexthop_parse_ip(text, &family, address);
}

/* What the fault of a text that is no nexthop should say. */
static const char *remedy(struct str text)
{
	struct str host = str_head(text, str_find(text, ':'));
	if (is_bare_address(text))
		return "is an address: write it as \"smtp:[192.0.2.1]:25\" or "
		       "\"smtp:[IPv6:2001:db8::1]:25\"";
	if (text.n > 0 && text.p[0] == '/')
		return "is a path: give it a section lmtp NAME { socket = \"...\" } in the "
		       "configuration, and write lmtp:NAME";
	if (host.n < text.n && nexthop_is_host_name(host))
		return "is no route: write \"smtp:[HOST]:PORT\" for a host, "
		       "\"smtp:DOMAIN:PORT\" for the exchangers of a domain";
	return "is no route: write a domain, smtp:[HOST], lmtp:NAME, relay:NAME, error TEXT, "
	       "discard or hold";
}

static const char *read_nexthop(struct str text, struct pool *pool, struct str *out)
{
	char canonical[NEXTHOP_TEXT_SIZE];
	struct str s, domain;
	const char *why;
	bool ok = !is_bare_address(text) && nexthop_canonical(text, canonical, &s);
	/* With bytes above 127 it may be a domain. */
	if (!ok && !is_bare_address(text) && table_read_domain(text, pool, &domain, &why))
		ok = nexthop_canonical(domain, canonical, &s);
	return ok && pool_copy(pool, s, out) ? NULL : remedy(text);
}

static bool is_permanent_code(struct str s)
{
	size_t digits = 0, dots = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' && digits > 0) {
			dots++;
			digits = 0;
		} else if (!ascii_is_digit(s.p[i]) || ++digits > (dots == 0 ? 1U : 3U)) {
			return false;
		}
	}
	return dots == 2 && digits > 0 && s.p[0] == '5';
}

static const char *read_words(struct str text, struct str *out)
{
	struct str rest = text;
	struct str first = table_word(&rest);
	bool coded = first.n > 1 && ascii_is_digit(first.p[0]) && first.p[1] == '.';
	for (size_t i = 0; i < text.n; i++)
		if (!ascii_is_print(text.p[i]))
			return "has other than printable ASCII in the text for the sender";
	if (coded && !is_permanent_code(first))
		return "does not begin with a code of a permanent failure: write one such as "
		       "5.7.1, or none";
	if (text.n > WORDS_MAX)
		return "is longer than the 200 octets that a reply has room for";
	*out = text;
	return NULL;
}

/* NULL, or what is wrong with the route. */
static const char *read_route(struct str text, struct pool *pool, struct route_record *out)
{
	struct str rest = text;
	struct str word = table_word(&rest);
	bool discard = str_caseeq(word, STR("discard"));
	*out = (struct route_record){.kind = discard ? ROUTE_DISCARD : ROUTE_HOLD};
	if (str_caseeq(word, STR("error"))) {
		out->kind = ROUTE_ERROR;
		return read_words(rest, &out->text);
	}
	if (rest.n > 0)
		return "has more than one word: write one route a line; comments stand on lines "
		       "of their own";
	if (discard || str_caseeq(word, STR("hold")))
		return NULL;
	out->kind = ROUTE_NEXTHOP;
	return read_nexthop(word, pool, &out->text);
}

static void read_line(struct table *t, const struct line *line, struct pool *scratch,
    struct faults *f)
{
	struct table_entry e = {.line = line->number};
	struct route_record route;
	struct str rest = line->text;
	struct str name = table_word(&rest);
	const char *why;
	if (!table_read_pattern(name, t->pool, &e.key, &why)) {
		faults_add(f, t->file, line->number, "\"%s\" %s", fault_text(name).s, why);
		return;
	}
	if (rest.n == 0) {
		faults_add(f, t->file, line->number,
		    "%s has no route: write DOMAIN ROUTE, e.g. example.org smtp:[mx.example.org]",
		    fault_text(name).s);
		return;
	}
	why = read_route(rest, scratch, &route);
	struct buf value = BUF_INIT(RECORD_VALUE_MAX);
	if (why == NULL && (!route_put(&value, &route) || !table_add_record(t, &e, &value)))
		why = "is too long";
	if (why != NULL)
		faults_add(f, t->file, line->number, "\"%s\" %s", fault_text(rest).s, why);
	buf_release(&value);
}

void table_parse_routes(struct table *t, struct str text, struct faults *faults)
{
	table_each_line(t, text, faults, read_line);
}
