/* SPDX-License-Identifier: ISC
 *
 * Listeners, networks and fingerprints: the lists of the configuration.
 */
#include "common/conf-internal.h"
#include "common/fingerprint.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

struct ip {
	int family;
	uint8_t address[16];
};

/* A numeric address, an IPv6 one with or without brackets. */
static bool parse_ip(struct str in, struct ip *out)
{
	char text[INET6_ADDRSTRLEN];
	bool brackets = in.n >= 2 && in.p[0] == '[' && in.p[in.n - 1] == ']';
	if (brackets)
		in = str_head(str_skip(in, 1), in.n - 2);
	if (in.n >= sizeof(text) || in.n == 0)
		return false;
	memcpy(text, in.p, in.n);
	text[in.n] = '\0';
	memset(out, 0, sizeof(*out));
	out->family = AF_INET;
	if (!brackets && inet_pton(AF_INET, text, out->address) == 1)
		return true;
	out->family = AF_INET6;
	return inet_pton(AF_INET6, text, out->address) == 1;
}

bool conf_is_server_address(struct str in)
{
	uint64_t port;
	struct ip ip;
	size_t end = in.n > 0 && in.p[0] == '[' ? str_find(in, ']') + 1 : str_find(in, ':');
	if (!parse_ip(str_head(in, end), &ip) || (ip.family == AF_INET6 && in.p[0] != '['))
		return false;
	in = str_skip(in, end);
	return in.n == 0 ||
	       (in.p[0] == ':' && str_parse_u64(str_skip(in, 1), 65535, &port) && port > 0);
}

/* --- Networks --- */

/* Clears the bits after the prefix; false when one was set. */
static bool clear_host_bits(struct ip *ip, unsigned prefix)
{
	bool clear = true;
	for (unsigned bit = prefix; bit < 128; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		clear = clear && (ip->address[bit / 8] & mask) == 0;
		ip->address[bit / 8] &= (uint8_t)~mask;
	}
	return clear;
}

static void fault_host_bits(struct conf_faults *faults, unsigned line, const char *option,
    const char *value, const struct ip *ip, unsigned prefix)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = ip->family == AF_INET;
	inet_ntop(ip->family, ip->address, text, sizeof(text));
	conf_fault(faults, line, "%s: \"%.60s\" has bits after its prefix; write \"%s%s%s/%u\"", option,
	    value, v4 ? "" : "[", text, v4 ? "" : "]", prefix);
}

void conf_add_network(struct conf_networks *to, unsigned line, const char *option,
    const char *value, struct conf_faults *faults)
{
	struct str in = str_trim(str_from_cstr(value));
	size_t slash = str_find(in, '/');
	struct ip ip;
	uint64_t prefix = 0;
	bool ok = parse_ip(str_head(in, slash), &ip);
	unsigned most = ok && ip.family == AF_INET ? 32 : 128;
	if (slash == in.n)
		prefix = most;
	else
		ok = ok && str_parse_u64(str_skip(in, slash + 1), most, &prefix);
	if (!ok) {
		conf_fault(faults, line,
		    "%s: \"%.60s\" is no network; write it as \"192.0.2.0/24\" or "
		    "\"[2001:db8::]/32\"",
		    option, value);
		return;
	}
	if (!clear_host_bits(&ip, (unsigned)prefix)) {
		fault_host_bits(faults, line, option, value, &ip, (unsigned)prefix);
		return;
	}
	if (to->count == CONF_NETWORKS_MAX) {
		conf_fault(faults, line, "%s: there are more than %d", option, CONF_NETWORKS_MAX);
		return;
	}
	to->list = xreallocarray(to->list, to->count + 1, sizeof(*to->list));
	struct conf_network *n = &to->list[to->count++];
	*n = (struct conf_network){.family = ip.family, .prefix = (unsigned)prefix};
	memcpy(n->address, ip.address, sizeof(n->address));
}

static bool is_in(const struct conf_network *n, int family, const uint8_t *address)
{
	unsigned whole = n->prefix / 8;
	unsigned rest = n->prefix % 8;
	if (n->family != family || memcmp(n->address, address, whole) != 0)
		return false;
	return rest == 0 || ((n->address[whole] ^ address[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

static bool has_client(const struct conf_networks *networks, const struct sockaddr *client)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	uint8_t address[16] = {0};
	int family = client->sa_family;
	if (family == AF_INET) {
		memcpy(address, &((const struct sockaddr_in *)client)->sin_addr, 4);
	} else if (family == AF_INET6) {
		memcpy(address, &((const struct sockaddr_in6 *)client)->sin6_addr, 16);
		if (memcmp(address, mapped, sizeof(mapped)) == 0) {
			family = AF_INET;
			memmove(address, address + 12, 4);
		}
	} else {
		return false;
	}
	for (size_t i = 0; i < networks->count; i++)
		if (is_in(&networks->list[i], family, address))
			return true;
	return false;
}

bool conf_is_own_network(const struct conf *conf, const struct sockaddr *client)
{
	return has_client(&conf->networks, client);
}

bool conf_is_front_end(const struct conf *conf, const struct sockaddr *client)
{
	return has_client(&conf->auth.front_ends, client);
}

/* --- Fingerprints --- */

void conf_add_fingerprint(
    struct conf *conf, unsigned line, const char *value, struct conf_faults *faults)
{
	struct conf_fingerprint fresh;
	size_t n = conf->relay_fingerprint_count;
	if (!fingerprint_parse(str_from_cstr(value), fresh.sha256)) {
		conf_fault(faults, line,
		    "relay-fingerprints: \"%.120s\" is no SHA-256 fingerprint; " FINGERPRINT_HELP,
		    value);
		return;
	}
	if (n == CONF_FINGERPRINTS_MAX) {
		conf_fault(faults, line, "relay-fingerprints: there are more than %d",
		    CONF_FINGERPRINTS_MAX);
		return;
	}
	conf->relay_fingerprints = xreallocarray(conf->relay_fingerprints, n + 1, sizeof(fresh));
	conf->relay_fingerprints[conf->relay_fingerprint_count++] = fresh;
}

bool conf_may_relay(const struct conf *conf, const uint8_t sha256[32])
{
	for (size_t i = 0; i < conf->relay_fingerprint_count; i++)
		if (memcmp(conf->relay_fingerprints[i].sha256, sha256, 32) == 0)
			return true;
	return false;
}

bool conf_is_system_domain(const struct conf *conf, struct str domain)
{
	for (size_t i = 0; i < conf->system.domains.count; i++)
		if (str_eq(str_from_cstr(conf->system.domains.list[i]), domain))
			return true;
	return false;
}

/* --- Listeners --- */

static void add_sockaddr(struct conf_listener *l, const struct ip *ip, uint16_t port)
{
	struct sockaddr_storage *to = &l->sockaddr[l->sockaddr_count];
	if (ip->family == AF_INET) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
		memcpy(&in.sin_addr, ip->address, 4);
		memcpy(to, &in, sizeof(in));
		l->sockaddr_len[l->sockaddr_count++] = sizeof(in);
	} else {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
		memcpy(&in6.sin6_addr, ip->address, 16);
		memcpy(to, &in6, sizeof(in6));
		l->sockaddr_len[l->sockaddr_count++] = sizeof(in6);
	}
}

static bool parse_endpoint(struct str in, struct conf_listener *l)
{
	size_t colon = str_rfind(in, ':');
	struct str host = str_head(in, colon);
	uint64_t port;
	struct ip ip;
	if (colon == in.n || !str_parse_u64(str_skip(in, colon + 1), 65535, &port) || port == 0)
		return false;
	if (str_eq(host, STR("*"))) {
		add_sockaddr(l, &(struct ip){.family = AF_INET6}, (uint16_t)port);
		add_sockaddr(l, &(struct ip){.family = AF_INET}, (uint16_t)port);
		return true;
	}
	if (!parse_ip(host, &ip) || (ip.family == AF_INET6 && host.p[0] != '['))
		return false;
	add_sockaddr(l, &ip, (uint16_t)port);
	return true;
}

static uint16_t port_of(const struct sockaddr_storage *s)
{
	return ntohs(s->ss_family == AF_INET ? ((const struct sockaddr_in *)s)->sin_port
					     : ((const struct sockaddr_in6 *)s)->sin6_port);
}

static bool is_any(const struct sockaddr_storage *s)
{
	if (s->ss_family == AF_INET)
		return ((const struct sockaddr_in *)s)->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)s)->sin6_addr);
}

/* The kernel would refuse to bind both. */
static bool collide(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family || port_of(a) != port_of(b))
		return false;
	return is_any(a) || is_any(b) || memcmp(a, b, sizeof(*a)) == 0;
}

static const struct conf_listener *find_collision(
    const struct conf *conf, const struct conf_listener *l)
{
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *other = &conf->listeners[i];
		for (size_t k = 0; k < l->sockaddr_count; k++)
			for (size_t m = 0; m < other->sockaddr_count; m++)
				if (collide(&l->sockaddr[k], &other->sockaddr[m]))
					return other;
	}
	return NULL;
}

void conf_add_listener(struct conf *conf, const char *name, const struct conf_listener *like,
    unsigned line, const char *address, struct conf_faults *faults)
{
	struct conf_listener l = *like;
	l.line = line;
	if (!parse_endpoint(str_from_cstr(address), &l)) {
		conf_fault(faults, line,
		    "listen %s: \"%.60s\" is no address to listen on; write \"*:25\", "
		    "\"192.0.2.1:25\" or "
		    "\"[2001:db8::1]:25\", with a port from 1 to 65535",
		    name, address);
		return;
	}
	const struct conf_listener *other = find_collision(conf, &l);
	if (other != NULL) {
		conf_fault(faults, line,
		    "listen %s: \"%s\" collides with \"%s\" of listen %s in line %u; "
		    "remove one of them or change a port",
		    name, address, other->address, other->name, other->line);
		return;
	}
	if (conf->listener_count == CONF_LISTENERS_MAX) {
		conf_fault(faults, line, "listen %s: there are more than %d listeners", name,
		    CONF_LISTENERS_MAX);
		return;
	}
	l.name = xstrdup(name);
	l.address = xstrdup(address);
	conf->listeners =
	    xreallocarray(conf->listeners, conf->listener_count + 1, sizeof(*conf->listeners));
	conf->listeners[conf->listener_count++] = l;
}
