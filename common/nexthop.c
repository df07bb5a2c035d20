/* SPDX-License-Identifier: ISC */
#include "common/nexthop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum { LABEL_MAX = 63, SMTP_PORT = 25, LMTP_PORT = 24 };

static bool is_label(struct str s)
{
	if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

bool nexthop_is_host_name(struct str s)
{
	if (s.n == 0 || s.n > DOMAIN_MAX || s.p[s.n - 1] == '.')
		return false;
	while (s.n > 0) {
		size_t dot = str_find(s, '.');
		if (!is_label(str_head(s, dot)))
			return false;
		s = str_skip(s, dot + 1);
	}
	return true;
}

bool nexthop_is_section_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '.' && s.p[i] != '-')
			return false;
	return s.n > 0 && s.n <= SECTION_NAME_MAX;
}

bool nexthop_parse_ip(struct str s, uint8_t *family, uint8_t address[16])
{
	char text[INET6_ADDRSTRLEN];
	bool tagged = str_has_caseprefix(s, STR("IPv6:"));
	if (tagged)
		s = str_skip(s, STR("IPv6:").n);
	if (s.n == 0 || s.n >= sizeof(text) || str_find(s, '\0') < s.n)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	memset(address, 0, 16);
	*family = 4;
	if (!tagged && inet_pton(AF_INET, text, address) == 1)
		return true;
	*family = 6;
	return inet_pton(AF_INET6, text, address) == 1;
}

/* The last label of a host's name is never a number: what looks like an address is one or is
 * wrong. */
static bool is_host(struct str s)
{
	struct str last = str_skip(s, str_rfind(s, '.') == s.n ? 0 : str_rfind(s, '.') + 1);
	bool number = true;
	for (size_t i = 0; i < last.n; i++)
		number = number && ascii_is_digit(last.p[i]);
	return !number && nexthop_is_host_name(s);
}

/* What stands between brackets. */
static bool read_brackets(struct str s, bool host_too, struct nexthop *out)
{
	out->kind = NEXTHOP_ADDRESS;
	if (nexthop_parse_ip(s, &out->family, out->address))
		return true;
	out->kind = NEXTHOP_HOST;
	out->name = s;
	out->family = 0;
	memset(out->address, 0, sizeof(out->address));
	return host_too && is_host(s);
}

/* ":587", or nothing. */
static bool read_port(struct str s, uint16_t *port)
{
	uint64_t n;
	if (s.n == 0)
		return true;
	if (s.p[0] != ':' || !str_parse_u64(str_skip(s, 1), UINT16_MAX, &n) || n == 0)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* What follows "smtp:". */
static bool read_smtp(struct str s, struct nexthop *out)
{
	size_t colon = str_find(s, ':');
	out->kind = NEXTHOP_DOMAIN;
	out->name = str_head(s, colon);
	return nexthop_is_host_name(out->name) && read_port(str_skip(s, colon), &out->port);
}

/* What follows "smtp:" or "lmtp:" and begins with a bracket. */
static bool read_server(struct str s, struct nexthop *out)
{
	size_t end = str_find(s, ']');
	return end < s.n && read_brackets(str_skip(str_head(s, end), 1), true, out) &&
	       read_port(str_skip(s, end + 1), &out->port);
}

static bool read_section(struct str s, enum nexthop_kind kind, struct nexthop *out)
{
	out->kind = kind;
	out->name = s;
	out->port = 0;
	return nexthop_is_section_name(s);
}

static bool read_plain(struct str s, struct nexthop *out)
{
	if (s.p[0] == '[' && s.p[s.n - 1] == ']')
		return read_brackets(str_skip(str_head(s, s.n - 1), 1), false, out);
	out->kind = NEXTHOP_DOMAIN;
	out->name = s;
	return nexthop_is_host_name(s);
}

bool nexthop_parse(struct str text, struct nexthop *out)
{
	*out = (struct nexthop){.protocol = NEXTHOP_SMTP, .port = SMTP_PORT};
	if (text.n == 0 || text.n > NEXTHOP_MAX)
		return false;
	struct str rest = str_skip(text, STR("smtp:").n);
	bool bracket = rest.n > 0 && rest.p[0] == '[';
	if (str_has_caseprefix(text, STR("smtp:")))
		return bracket ? read_server(rest, out) : read_smtp(rest, out);
	if (str_has_caseprefix(text, STR("relay:")))
		return read_section(str_skip(text, STR("relay:").n), NEXTHOP_RELAY, out);
	if (!str_has_caseprefix(text, STR("lmtp:")))
		return read_plain(text, out);
	out->protocol = NEXTHOP_LMTP;
	out->port = LMTP_PORT;
	return bracket ? read_server(rest, out) : read_section(rest, NEXTHOP_SOCKET, out);
}

struct text {
	char *out;
	size_t n;
};

static void put(struct text *t, struct str s)
{
	size_t room = NEXTHOP_TEXT_SIZE - 1 - t->n;
	s = str_head(s, room);
	if (s.n > 0)
		memcpy(t->out + t->n, s.p, s.n);
	t->n += s.n;
	t->out[t->n] = '\0';
}

static void put_lower(struct text *t, struct str s)
{
	size_t from = t->n;
	put(t, s);
	for (size_t i = from; i < t->n; i++)
		t->out[i] = ascii_lower(t->out[i]);
}

static void put_server(struct text *t, const struct nexthop *n)
{
	char ip[INET6_ADDRSTRLEN] = "";
	put(t, STR("["));
	if (n->kind == NEXTHOP_HOST)
		put_lower(t, n->name);
	if (n->kind == NEXTHOP_ADDRESS && n->family == 6)
		put(t, STR("IPv6:"));
	if (n->kind == NEXTHOP_ADDRESS)
		inet_ntop(n->family == 4 ? AF_INET : AF_INET6, n->address, ip, sizeof(ip));
	put(t, str_from_cstr(ip));
	put(t, STR("]"));
}

struct str nexthop_format(const struct nexthop *n, char out[NEXTHOP_TEXT_SIZE])
{
	struct text t = {.out = out};
	bool lmtp = n->protocol == NEXTHOP_LMTP;
	bool standard = n->port == (lmtp ? LMTP_PORT : SMTP_PORT);
	bool section = n->kind == NEXTHOP_SOCKET || n->kind == NEXTHOP_RELAY;
	if (n->kind == NEXTHOP_RELAY)
		put(&t, STR("relay:"));
	else if (lmtp)
		put(&t, STR("lmtp:"));
	else if (!standard || n->kind == NEXTHOP_HOST)
		put(&t, STR("smtp:"));
	if (section)
		put(&t, n->name);
	else if (n->kind == NEXTHOP_DOMAIN)
		put_lower(&t, n->name);
	else
		put_server(&t, n);
	if (!section && !standard) {
		char port[8];
		snprintf(port, sizeof(port), ":%u", n->port);
		put(&t, str_from_cstr(port));
	}
	return (struct str){out, t.n};
}

bool nexthop_canonical(struct str text, char out[NEXTHOP_TEXT_SIZE], struct str *canonical)
{
	struct nexthop n;
	if (!nexthop_parse(text, &n))
		return false;
	*canonical = nexthop_format(&n, out);
	return true;
}
