/* SPDX-License-Identifier: ISC */
#include "common/auth.h"

static const struct {
	unsigned bit;
	const char *name;
} rows[] = {
    {AUTH_SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS"},
    {AUTH_SCRAM_SHA_256, "SCRAM-SHA-256"},
    {AUTH_PLAIN, "PLAIN"},
    {AUTH_LOGIN, "LOGIN"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

unsigned auth_mechanism_find(struct str name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (str_caseeq(name, str_from_cstr(rows[i].name)))
			return rows[i].bit;
	return 0;
}

const char *auth_mechanism_name(unsigned mechanism)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].bit == mechanism)
			return rows[i].name;
	return "";
}

static bool can_bind(const struct tls_facts *tls)
{
	return tls != NULL && (tls->has_exporter || tls->unique_size > 0 || tls->endpoint_size > 0);
}

unsigned auth_mechanisms_here(unsigned mask, const struct tls_facts *tls)
{
	mask &= ~(unsigned)AUTH_SCRAM_SHA_256_PLUS;
	if ((mask & AUTH_SCRAM_SHA_256) && can_bind(tls))
		mask |= AUTH_SCRAM_SHA_256_PLUS;
	return mask;
}

void auth_mechanisms_list(unsigned mask, char out[AUTH_NAMES_SIZE])
{
	size_t at = 0;
	for (size_t i = 0; i < ROWS; i++) {
		size_t n = strlen(rows[i].name);
		if (!(mask & rows[i].bit))
			continue;
		out[at++] = ' ';
		memcpy(out + at, rows[i].name, n);
		at += n;
	}
	out[at] = '\0';
}

void auth_start_bind(struct auth_start *start, const struct tls_facts *tls)
{
	if (tls == NULL)
		return;
	if (tls->has_exporter)
		start->exporter = str_from(tls->exporter, sizeof(tls->exporter));
	start->unique = str_from(tls->unique, tls->unique_size);
	start->endpoint = str_from(tls->endpoint, tls->endpoint_size);
}
