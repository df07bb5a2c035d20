/* SPDX-License-Identifier: ISC
 *
 * Signatures of the provider (provider-signature(7)): what libssl does for a handshake,
 * which is to name a hash and a padding and then sign one message at once. The message
 * is hashed here; only the digest leaves.
 */
#include "common/mem.h"
#include "common/tls-internal.h"
#include "common/tls-scheme.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#define FUNCTION(fn) ((void (*)(void))(fn))

struct signing {
	const struct tls_remote_key *key; /* EVP_PKEY_CTX has it as long */
	bool pss;
	char hash[32];
};

static void *signing_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return xcalloc(1, sizeof(struct signing));
}

static void signing_free(void *ctx)
{
	free(ctx);
}

static void *signing_dup(void *ctx)
{
	struct signing *copy = xcalloc(1, sizeof(*copy));
	*copy = *(struct signing *)ctx;
	return copy;
}

static bool set_padding(struct signing *s, const OSSL_PARAM *p)
{
	int mode = 0;
	const char *name = NULL;
	if (p->data_type != OSSL_PARAM_UTF8_STRING && OSSL_PARAM_get_int(p, &mode) != 1)
		return false;
	if (p->data_type == OSSL_PARAM_UTF8_STRING && OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
		return false;
	s->pss = mode == RSA_PKCS1_PSS_PADDING ||
		 (name != NULL && strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0);
	return s->pss || mode == RSA_PKCS1_PADDING ||
	       (name != NULL && strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0);
}

/* TLS has the salt as long as the digest, and the same hash for both (RFC 8446 §4.2.3). */
static bool is_digest_long(const OSSL_PARAM *p)
{
	int length = 0;
	const char *name = NULL;
	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_int(p, &length) == 1 && length == RSA_PSS_SALTLEN_DIGEST;
	return OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 &&
	       strcmp(name, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
}

static int signing_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct signing *s = ctx;
	if (params == NULL)
		return 1;
	const OSSL_PARAM *padding = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	const OSSL_PARAM *salt = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	return (padding == NULL || set_padding(s, padding)) &&
	       (salt == NULL || is_digest_long(salt));
}

static const OSSL_PARAM *signing_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	    OSSL_PARAM_END,
	};
	(void)ctx;
	(void)provider;
	return types;
}

static int signing_init(void *ctx, const char *hash, void *key, const OSSL_PARAM params[])
{
	struct signing *s = ctx;
	if (key != NULL)
		s->key = key;
	s->hash[0] = '\0';
	if (hash != NULL)
		snprintf(s->hash, sizeof(s->hash), "%s", hash);
	return s->key != NULL && signing_set_params(ctx, params);
}

static const struct tls_scheme *scheme_of(const struct signing *s)
{
	enum tls_scheme_kind rsa = s->pss ? TLS_SCHEME_PSS : TLS_SCHEME_PKCS1;
	return tls_scheme_of(s->key->is_rsa ? rsa : TLS_SCHEME_ECDSA, s->hash);
}

/* Fetched once: by its name OpenSSL looks for it anew each time. */
static const EVP_MD *find_hash(const struct tls_scheme *scheme)
{
	static EVP_MD *fetched[EVP_MAX_MD_SIZE + 1]; /* by length, for the life of the process */
	if (fetched[scheme->digest] == NULL)
		fetched[scheme->digest] = EVP_MD_fetch(NULL, scheme->hash, NULL);
	return fetched[scheme->digest];
}

static int signing_sign(void *ctx, unsigned char *out, size_t *n, size_t room,
    const unsigned char *message, size_t message_n)
{
	struct signing *s = ctx;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_n = 0;
	const struct tls_scheme *scheme = scheme_of(s);
	int most = EVP_PKEY_get_size(s->key->public);
	if (scheme == NULL || most <= 0)
		return 0;
	*n = (size_t)most;
	if (out == NULL)
		return 1;
	const EVP_MD *hash = find_hash(scheme);
	if (hash == NULL || EVP_Digest(message, message_n, digest, &digest_n, hash, NULL) != 1)
		return 0;
	*n = tls_provider_call(
	    s->key->identity, scheme->code, str_from((const char *)digest, digest_n), out, room);
	return *n > 0;
}

#define SIGNATURE_FUNCTIONS                                                                        \
	{                                                                                          \
		{OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(signing_new)},                               \
		    {OSSL_FUNC_SIGNATURE_FREECTX, FUNCTION(signing_free)},                         \
		    {OSSL_FUNC_SIGNATURE_DUPCTX, FUNCTION(signing_dup)},                           \
		    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FUNCTION(signing_set_params)},            \
		    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FUNCTION(signing_settable)},         \
		    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FUNCTION(signing_init)},                \
		    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FUNCTION(signing_sign)},                     \
		{                                                                                  \
			0, NULL                                                                    \
		}                                                                                  \
	}

const OSSL_DISPATCH tls_provider_rsa[] = SIGNATURE_FUNCTIONS;
const OSSL_DISPATCH tls_provider_ecdsa[] = SIGNATURE_FUNCTIONS;
