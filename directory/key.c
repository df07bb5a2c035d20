/* SPDX-License-Identifier: ISC */
#include "directory/key.h"
#include "common/limits.h"

#include <idn2.h>

static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 127)
			return false;
	return true;
}

bool key_lower(struct str s, struct pool *pool, struct str *out)
{
	char *c = pool_cstr(pool, s);
	if (c == NULL)
		return false;
	for (size_t i = 0; i < s.n; i++)
		c[i] = ascii_lower(c[i]);
	*out = (struct str){c, s.n};
	return true;
}

static bool to_a_labels(struct str domain, struct pool *pool, struct str *out)
{
	const char *c = pool_cstr(pool, domain);
	uint8_t *ascii = NULL;
	if (c == NULL || strlen(c) != domain.n)
		return false;
	if (idn2_lookup_u8((const uint8_t *)c, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
	    IDN2_OK)
		return false;
	bool ok = key_lower(str_from_cstr((const char *)ascii), pool, out);
	idn2_free(ascii);
	return ok;
}

bool key_domain(struct str domain, struct pool *pool, struct str *out)
{
	if (domain.n > DOMAIN_MAX)
		return false;
	if (is_ascii(domain))
		return key_lower(domain, pool, out);
	return to_a_labels(domain, pool, out) && out->n <= DOMAIN_MAX;
}

bool key_join(struct str local_part, struct str domain, struct pool *pool, struct str *out)
{
	size_t n = local_part.n + 1 + domain.n;
	char *c = pool_alloc(pool, n);
	if (c == NULL)
		return false;
	if (local_part.n > 0)
		memcpy(c, local_part.p, local_part.n);
	c[local_part.n] = '@';
	if (domain.n > 0)
		memcpy(c + local_part.n + 1, domain.p, domain.n);
	*out = (struct str){c, n};
	return true;
}

void key_split(struct str key, struct str *local_part, struct str *domain)
{
	size_t at = str_rfind(key, '@');
	*local_part = str_head(key, at);
	*domain = str_skip(key, at + 1);
}

bool key_address(struct str canonical, struct pool *pool, struct str *out)
{
	struct str local_part, domain;
	if (str_rfind(canonical, '@') == canonical.n)
		return key_lower(canonical, pool, out);
	key_split(canonical, &local_part, &domain);
	return key_lower(local_part, pool, &local_part) && key_domain(domain, pool, &domain) &&
	       local_part.n + 1 + domain.n <= ADDRESS_MAX &&
	       key_join(local_part, domain, pool, out);
}
