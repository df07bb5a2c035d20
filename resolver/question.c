/* SPDX-License-Identifier: ISC */
#include "resolver/question.h"

#include <stdio.h>

bool question_host(uint16_t type, struct str name, struct question *out)
{
	if (!dns_name_is_host(name))
		return false;
	out->type = type;
	out->n = name.n;
	memcpy(out->name, name.p, name.n);
	out->name[name.n] = '\0';
	return true;
}

bool question_address(uint8_t family, struct str host, struct question *out)
{
	if (family != 4 && family != 6)
		return false;
	return question_host(family == 4 ? RR_A : RR_AAAA, host, out);
}

bool question_tlsa(uint16_t port, struct str host, struct question *out)
{
	char text[sizeof("_65535._tcp.") + DNS_NAME_MAX];
	if (!dns_name_is_host(host))
		return false;
	int n = snprintf(text, sizeof(text), "_%u._tcp.%.*s", (unsigned)port, STR_ARG(host));
	return question_host(RR_TLSA, str_from(text, (size_t)n), out);
}

static size_t put_reverse4(const uint8_t *a, char *to, size_t room)
{
	return (size_t)snprintf(to, room, "%u.%u.%u.%u.in-addr.arpa", a[3], a[2], a[1], a[0]);
}

static size_t put_reverse6(const uint8_t *a, char *to)
{
	static const char digits[] = "0123456789abcdef", end[] = "ip6.arpa";
	size_t n = 0;
	for (size_t i = 16; i-- > 0;) {
		to[n++] = digits[a[i] & 15];
		to[n++] = '.';
		to[n++] = digits[a[i] >> 4];
		to[n++] = '.';
	}
	memcpy(to + n, end, sizeof(end));
	return n + sizeof(end) - 1;
}

bool question_ptr(struct str address, struct question *out)
{
	uint8_t a[16];
	if (address.n != 4 && address.n != 16)
		return false;
	memcpy(a, address.p, address.n);
	out->type = RR_PTR;
	out->n = address.n == 4 ? put_reverse4(a, out->name, sizeof(out->name))
				: put_reverse6(a, out->name);
	return true;
}

const char *question_type_name(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = {{RR_A, "A"}, {RR_PTR, "PTR"}, {RR_MX, "MX"}, {RR_TXT, "TXT"},
	    {RR_AAAA, "AAAA"}, {RR_DNSKEY, "DNSKEY"}, {RR_TLSA, "TLSA"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return "?";
}
