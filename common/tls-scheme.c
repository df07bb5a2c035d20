/* SPDX-License-Identifier: ISC */
#include "common/tls-scheme.h"

#include <strings.h>

static const struct tls_scheme schemes[] = {
    {0x0403, TLS_SCHEME_ECDSA, "SHA256", 32},
    {0x0503, TLS_SCHEME_ECDSA, "SHA384", 48},
    {0x0603, TLS_SCHEME_ECDSA, "SHA512", 64},
    {0x0401, TLS_SCHEME_PKCS1, "SHA256", 32},
    {0x0501, TLS_SCHEME_PKCS1, "SHA384", 48},
    {0x0601, TLS_SCHEME_PKCS1, "SHA512", 64},
    {0x0804, TLS_SCHEME_PSS, "SHA256", 32},
    {0x0805, TLS_SCHEME_PSS, "SHA384", 48},
    {0x0806, TLS_SCHEME_PSS, "SHA512", 64},
};

const struct tls_scheme *tls_scheme_find(uint16_t code)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (schemes[i].code == code)
			return &schemes[i];
	return NULL;
}

/* "SHA2-256" is another name of SHA256. */
static bool is_hash(const char *name, const char *wanted)
{
	if (strncasecmp(name, "SHA2-", 5) == 0)
		return strcasecmp(name + 5, wanted + 3) == 0;
	return strcasecmp(name, wanted) == 0;
}

const struct tls_scheme *tls_scheme_of(enum tls_scheme_kind kind, const char *hash)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (schemes[i].kind == kind && is_hash(hash, schemes[i].hash))
			return &schemes[i];
	return NULL;
}
