/* SPDX-License-Identifier: ISC
 *
 * A scanner over the grammar: each scan_ function takes what it stands for from
 * the front of *in, or returns false. Nothing is copied, and every octet is
 * looked at a bounded number of times.
 */
#include "common/address.h"
#include "common/utf8.h"

#include <arpa/inet.h>
#include <idn2.h>

enum { LABEL_MAX = 63 };

static bool is_atext(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static char first(struct str s)
{
	return s.n > 0 ? s.p[0] : '\0';
}

static bool skip_char(struct str *in, char c)
{
	if (first(*in) != c || in->n == 0)
		return false;
	*in = str_skip(*in, 1);
	return true;
}

/* What lies between two positions of the input. */
static struct str between(struct str from, struct str to)
{
	return str_head(from, from.n - to.n);
}

/* UTF8-non-ascii of RFC 6531 §3.3: octets of one such character, 0 when there is none. */
static size_t non_ascii(struct str s)
{
	uint32_t code;
	if (s.n == 0 || (uint8_t)s.p[0] < 128)
		return 0;
	size_t n = utf8_decode(s, &code);
	return n > 0 && !utf8_is_control(code) ? n : 0;
}

/* --- Local part --- */

static bool scan_atom(struct str *in)
{
	struct str start = *in;
	while (in->n > 0) {
		size_t n = is_atext(first(*in)) ? 1 : non_ascii(*in);
		if (n == 0)
			break;
		*in = str_skip(*in, n);
	}
	return in->n < start.n;
}

static bool scan_dot_string(struct str *in)
{
	do {
		if (!scan_atom(in))
			return false;
	} while (skip_char(in, '.'));
	return true;
}

static bool scan_quoted_string(struct str *in)
{
	if (!skip_char(in, '"'))
		return false;
	while (in->n > 0 && first(*in) != '"') {
		size_t n = ascii_is_print(first(*in)) ? 1 : non_ascii(*in);
		if (first(*in) == '\\')
			n = in->n > 1 && ascii_is_print(in->p[1]) ? 2 : 0;
		if (n == 0)
			return false;
		*in = str_skip(*in, n);
	}
	return skip_char(in, '"');
}

static bool scan_local_part(struct str *in, struct str *out)
{
	struct str start = *in;
	if (!(first(*in) == '"' ? scan_quoted_string(in) : scan_dot_string(in)))
		return false;
	*out = between(start, *in);
	return true;
}

/* --- Domain --- */

/* sub-domain: letters, digits and, inside, hyphens; or bytes above 127, which are checked when
 * the whole domain is known. */
static bool scan_label(struct str *in)
{
	struct str start = *in;
	while (in->n > 0) {
		bool ldh = ascii_is_alnum(first(*in)) || first(*in) == '-';
		size_t n = ldh ? 1 : non_ascii(*in);
		if (n == 0)
			break;
		*in = str_skip(*in, n);
	}
	struct str label = between(start, *in);
	if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return false;
	return label.n <= LABEL_MAX || !utf8_is_ascii(label);
}

/* The A-label form in lower case; false when there is none. */
static bool to_ascii(struct str domain, char out[DOMAIN_MAX + 1])
{
	char text[4 * DOMAIN_MAX + 1];
	uint8_t *ascii = NULL;
	if (domain.n == 0 || domain.n >= sizeof(text))
		return false;
	memcpy(text, domain.p, domain.n);
	text[domain.n] = '\0';
	int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
	if (idn2_lookup_u8((const uint8_t *)text, &ascii, flags) != IDN2_OK)
		return false;
	size_t n = strlen((const char *)ascii);
	bool fits = n > 0 && n <= DOMAIN_MAX;
	for (size_t i = 0; fits && i <= n; i++)
		out[i] = ascii_lower((char)ascii[i]);
	idn2_free(ascii);
	return fits;
}

static bool scan_ascii_domain(struct str *in)
{
	do {
		if (!scan_label(in))
			return false;
	} while (skip_char(in, '.'));
	return true;
}

/* A domain in Unicode must have an A-label form that is a domain itself. */
static bool has_ascii_form(struct str domain)
{
	char ascii[DOMAIN_MAX + 1];
	if (domain.n > DOMAIN_MAX || !to_ascii(domain, ascii))
		return false;
	struct str form = str_from_cstr(ascii);
	return utf8_is_ascii(form) && scan_ascii_domain(&form) && form.n == 0;
}

static bool scan_domain(struct str *in, struct str *out)
{
	struct str start = *in;
	if (!scan_ascii_domain(in))
		return false;
	*out = between(start, *in);
	return utf8_is_ascii(*out) || out->n > DOMAIN_MAX || has_ascii_form(*out);
}

static bool is_ip(int family, struct str in)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];
	if (in.n == 0 || in.n >= sizeof(text) || str_find(in, '\0') < in.n)
		return false;
	memcpy(text, in.p, in.n);
	text[in.n] = '\0';
	return inet_pton(family, text, address) == 1;
}

/* RFC 5321 §4.1.3. "IPv6" is the only tag that was ever registered. */
static bool scan_literal(struct str *in, struct str *out)
{
	size_t n = str_find(*in, ']');
	if (first(*in) != '[' || n == in->n)
		return false;
	struct str inside = str_head(str_skip(*in, 1), n - 1);
	bool is_v6 = str_has_caseprefix(inside, STR("IPv6:"));
	if (!(is_v6 ? is_ip(AF_INET6, str_skip(inside, 5)) : is_ip(AF_INET, inside)))
		return false;
	*out = str_head(*in, n + 1);
	*in = str_skip(*in, n + 1);
	return true;
}

/* --- Mailbox and path --- */

static bool scan_mailbox(struct str *in, struct address *out)
{
	if (!scan_local_part(in, &out->local_part) || !skip_char(in, '@'))
		return false;
	out->is_literal = first(*in) == '[';
	return out->is_literal ? scan_literal(in, &out->domain) : scan_domain(in, &out->domain);
}

/* A-d-l ":", if there is one. What it says is of no interest any more. */
static bool scan_source_route(struct str *in)
{
	struct str ignored;
	if (first(*in) != '@')
		return true;
	do {
		if (!skip_char(in, '@') || !scan_domain(in, &ignored))
			return false;
	} while (skip_char(in, ','));
	return skip_char(in, ':');
}

static bool scan_postmaster(struct str *in, struct address *out)
{
	struct str name = str_head(*in, strlen("postmaster"));
	struct str after = str_skip(*in, name.n);
	if (!str_caseeq(name, STR("postmaster")) || first(after) != '>')
		return false;
	out->local_part = name;
	*in = after;
	return true;
}

static enum address_error judge(struct address *a, struct str whole, bool utf8)
{
	a->is_utf8 = !utf8_is_ascii(whole);
	if (a->is_utf8 && !utf8)
		return ADDRESS_NEEDS_UTF8;
	if (a->local_part.n > LOCAL_PART_MAX || a->domain.n > DOMAIN_MAX)
		return ADDRESS_TOO_LONG;
	return ADDRESS_OK;
}

enum address_error address_parse_path(struct str in, bool utf8, bool allow_null,
    bool allow_postmaster, struct address *out, struct str *rest)
{
	struct str at = in;
	*out = (struct address){0};
	if (!skip_char(&at, '<'))
		return ADDRESS_SYNTAX;
	if (allow_null && first(at) == '>')
		out->is_null = true;
	else if (allow_postmaster && scan_postmaster(&at, out))
		;
	else if (!scan_source_route(&at) || !scan_mailbox(&at, out))
		return ADDRESS_SYNTAX;
	if (!skip_char(&at, '>'))
		return ADDRESS_SYNTAX;
	*rest = at;
	return judge(out, between(in, at), utf8);
}

enum address_error address_parse(struct str in, bool utf8, struct address *out)
{
	struct str at = in;
	*out = (struct address){0};
	if (!scan_mailbox(&at, out) || at.n > 0)
		return ADDRESS_SYNTAX;
	return judge(out, in, utf8);
}

bool address_is_domain(struct str in, bool utf8)
{
	struct str at = in;
	struct str domain;
	return in.n <= DOMAIN_MAX && (utf8 || utf8_is_ascii(in)) && scan_domain(&at, &domain) &&
	       at.n == 0;
}

bool address_is_literal(struct str in)
{
	struct str literal;
	return scan_literal(&in, &literal) && in.n == 0;
}

/* --- Canonical form --- */

bool address_unquote(struct str local_part, struct pool *pool, struct str *out)
{
	if (first(local_part) != '"' || local_part.n < 2)
		return pool_copy(pool, local_part, out);
	struct str inside = str_head(str_skip(local_part, 1), local_part.n - 2);
	char *to = pool_alloc(pool, inside.n + 1);
	size_t n = 0;
	if (to == NULL)
		return false;
	for (size_t i = 0; i < inside.n; i++) {
		if (inside.p[i] == '\\' && i + 1 < inside.n)
			i++;
		to[n++] = inside.p[i];
	}
	*out = (struct str){to, n};
	return true;
}

/* Writes the local part with quotes only where it cannot be without; returns its octets. */
static size_t put_local_part(char *to, struct str plain)
{
	struct str at = plain;
	size_t n = 0;
	if (scan_dot_string(&at) && at.n == 0) {
		memcpy(to, plain.p, plain.n);
		return plain.n;
	}
	to[n++] = '"';
	for (size_t i = 0; i < plain.n; i++) {
		if (plain.p[i] == '"' || plain.p[i] == '\\')
			to[n++] = '\\';
		to[n++] = plain.p[i];
	}
	to[n++] = '"';
	return n;
}

static size_t put_domain(char *to, struct str domain)
{
	char ascii[DOMAIN_MAX + 1];
	if (!utf8_is_ascii(domain) && to_ascii(domain, ascii)) {
		memcpy(to, ascii, strlen(ascii));
		return strlen(ascii);
	}
	for (size_t i = 0; i < domain.n; i++)
		to[i] = ascii_lower(domain.p[i]);
	return domain.n;
}

bool address_canonical(const struct address *a, struct pool *pool, struct str *out)
{
	struct str plain;
	*out = (struct str){NULL, 0};
	if (a->is_null)
		return true;
	if (!address_unquote(a->local_part, pool, &plain))
		return false;
	char *to = pool_alloc(pool, 2 * plain.n + 2 + 1 + DOMAIN_MAX + 1);
	if (to == NULL || a->domain.n > DOMAIN_MAX)
		return false;
	size_t n = put_local_part(to, plain);
	if (a->domain.n > 0) {
		to[n++] = '@';
		n += put_domain(to + n, a->domain);
	}
	*out = (struct str){to, n};
	return true;
}

bool address_split(struct str canonical, struct str *local_part, struct str *domain)
{
	size_t at = str_rfind(canonical, '@');
	if (at == 0 || at + 1 >= canonical.n)
		return false;
	*local_part = str_head(canonical, at);
	*domain = str_skip(canonical, at + 1);
	return true;
}
