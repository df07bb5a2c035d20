/* SPDX-License-Identifier: ISC */
#include "directory/guess-key.h"
#include "common/network-name.h"

#include <arpa/inet.h>
#include <stdio.h>

struct guess_source guess_source_parse(struct str client)
{
	struct guess_source s = {0};
	char text[CLIENT_ADDRESS_MAX];
	bool v6 = str_has_prefix(client, STR("[IPv6:"));
	struct str inner = str_skip(client, v6 ? 6 : 1);
	if (client.n < 3 || client.p[0] != '[' || client.p[client.n - 1] != ']' ||
	    inner.n > sizeof(text))
		return s;
	memcpy(text, inner.p, inner.n);
	text[inner.n - 1] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, s.address) == 1)
		s.size = v6 ? 16 : 4;
	return s;
}

size_t guess_prefix_size(const struct guess_source *from, enum guess_kind kind)
{
	static const uint8_t v4[] = {[GUESS_ADDRESS] = 4, [GUESS_NETWORK] = 3, [GUESS_SITE] = 0};
	static const uint8_t v6[] = {[GUESS_ADDRESS] = 16, [GUESS_NETWORK] = 8, [GUESS_SITE] = 6};
	if (from->size == 0 || from->shared)
		return 0;
	return from->size == 4 ? v4[kind] : v6[kind];
}

bool guess_key_make(
    const struct guess_source *from, struct str login, enum guess_kind kind, struct guess_key *out)
{
	struct str what = str_head(login, ADDRESS_MAX);
	if (kind != GUESS_LOGIN)
		what = str_from(from->address, guess_prefix_size(from, kind));
	if (what.n == 0)
		return false;
	out->p[0] = (uint8_t)kind;
	memcpy(out->p + 1, what.p, what.n);
	out->n = 1 + what.n;
	return true;
}

bool guess_key_is_sound(struct str key)
{
	if (key.n < 2 || key.n > GUESS_KEY_MAX)
		return false;
	size_t n = key.n - 1;
	switch (key.p[0]) {
	case GUESS_ADDRESS:
		return n == 4 || n == 16;
	case GUESS_NETWORK:
		return n == 3 || n == 8;
	case GUESS_SITE:
		return n == 6;
	default:
		return key.p[0] == GUESS_LOGIN;
	}
}

void guess_key_format(struct str key, char out[GUESS_NAME_SIZE])
{
	struct str what = str_skip(key, 1);
	if (key.p[0] != GUESS_LOGIN) {
		network_name(what, out);
		return;
	}
	memcpy(out, what.p, what.n);
	out[what.n] = '\0';
}

static struct guess_source source_of_name(struct str name)
{
	char text[CLIENT_ADDRESS_MAX + 8];
	bool v6 = str_find(name, ':') < name.n;
	if (name.n == 0 || name.n > INET6_ADDRSTRLEN || str_find(name, '\0') < name.n)
		return (struct guess_source){0};
	int n = snprintf(text, sizeof(text), "[%s%.*s]", v6 ? "IPv6:" : "", STR_ARG(name));
	return guess_source_parse(str_from(text, (size_t)n));
}

bool guess_key_is_meant(struct str key, struct str name)
{
	char text[GUESS_NAME_SIZE];
	const struct guess_source from = source_of_name(name);
	struct str what = str_skip(key, 1);
	guess_key_format(key, text);
	if (name.n == 0 || str_caseeq(name, str_from_cstr(text)))
		return true;
	return from.size != 0 && key.p[0] != GUESS_LOGIN &&
	       what.n == guess_prefix_size(&from, (enum guess_kind)key.p[0]) &&
	       memcmp(what.p, from.address, what.n) == 0;
}
