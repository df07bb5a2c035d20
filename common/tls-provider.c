/* SPDX-License-Identifier: ISC
 *
 * The provider and its keys. A key answers every question about its public half by
 * passing it on to the default provider, and claims to have a private one.
 */
#include "common/log.h"
#include "common/mem.h"
#include "common/tls-internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <sysexits.h>

#define PROVIDER     "postern"
#define IDENTITY     "postern-identity"
#define FUNCTION(fn) ((void (*)(void))(fn))

static tls_sign_fn *sign;

size_t tls_provider_call(
    uint32_t identity, uint16_t scheme, struct str digest, uint8_t *out, size_t room)
{
	return sign(identity, scheme, digest, out, room);
}

/* ---- keys (provider-keymgmt(7)) ---------------------------------------------------- */

static void *key_new(bool is_rsa)
{
	struct tls_remote_key *k = xcalloc(1, sizeof(*k));
	k->is_rsa = is_rsa;
	return k;
}

static void *rsa_new(void *provider)
{
	(void)provider;
	return key_new(true);
}

static void *ec_new(void *provider)
{
	(void)provider;
	return key_new(false);
}

static void key_free(void *key)
{
	struct tls_remote_key *k = key;
	EVP_PKEY_free(k->public);
	free(k);
}

static int key_has(const void *key, int selection)
{
	(void)selection;
	return ((const struct tls_remote_key *)key)->public != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
	(void)selection;
	return EVP_PKEY_eq(((const struct tls_remote_key *)a)->public,
		   ((const struct tls_remote_key *)b)->public) == 1;
}

/* The public half alone. The identity is missing when OpenSSL makes one of ours of another
 * provider's key, to compare the two. */
static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
	struct tls_remote_key *k = key;
	const OSSL_PARAM *identity = OSSL_PARAM_locate_const(params, IDENTITY);
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_name(NULL, k->is_rsa ? "RSA" : "EC", "provider=default");
	(void)selection;
	int ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		 EVP_PKEY_fromdata(
		     ctx, &k->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok && (identity == NULL || OSSL_PARAM_get_uint32(identity, &k->identity) == 1);
}

static const OSSL_PARAM *key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
	    OSSL_PARAM_uint32(IDENTITY, NULL),
	    OSSL_PARAM_END,
	};
	(void)selection;
	return types;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(((struct tls_remote_key *)key)->public, params);
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	    OSSL_PARAM_END,
	};
	(void)provider;
	return types;
}

static const char *ec_operation_name(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

#define KEY_FUNCTIONS                                                                              \
	{OSSL_FUNC_KEYMGMT_FREE, FUNCTION(key_free)}, {OSSL_FUNC_KEYMGMT_HAS, FUNCTION(key_has)},  \
	    {OSSL_FUNC_KEYMGMT_MATCH, FUNCTION(key_match)},                                        \
	    {OSSL_FUNC_KEYMGMT_IMPORT, FUNCTION(key_import)},                                      \
	    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FUNCTION(key_import_types)},                          \
	    {OSSL_FUNC_KEYMGMT_GET_PARAMS, FUNCTION(key_get_params)},                              \
	{                                                                                          \
		OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FUNCTION(key_gettable_params)                   \
	}

static const OSSL_DISPATCH rsa_keys[] = {
    {OSSL_FUNC_KEYMGMT_NEW, FUNCTION(rsa_new)}, KEY_FUNCTIONS, {0, NULL}};
static const OSSL_DISPATCH ec_keys[] = {{OSSL_FUNC_KEYMGMT_NEW, FUNCTION(ec_new)}, KEY_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FUNCTION(ec_operation_name)}, {0, NULL}};

/* ---- the provider (provider-base(7)) ------------------------------------------------ */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {
	    {"RSA:rsaEncryption", "provider=" PROVIDER, rsa_keys, NULL},
	    {"EC:id-ecPublicKey", "provider=" PROVIDER, ec_keys, NULL},
	    {NULL, NULL, NULL, NULL},
	};
	static const OSSL_ALGORITHM signatures[] = {
	    {"RSA:rsaEncryption", "provider=" PROVIDER, tls_provider_rsa, NULL},
	    {"ECDSA", "provider=" PROVIDER, tls_provider_ecdsa, NULL},
	    {NULL, NULL, NULL, NULL},
	};
	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provider)
{
	static const OSSL_DISPATCH functions[] = {
	    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query)}, {0, NULL}};
	(void)in;
	*out = functions;
	*provider = (void *)(uintptr_t)handle;
	return 1;
}

/* Both are loaded, and where nobody says which, the default one is meant. */
void tls_provider_setup(tls_sign_fn *fn)
{
	static OSSL_PROVIDER *standard, *ours; /* for the life of the process */
	sign = fn;
	standard = OSSL_PROVIDER_load(NULL, "default");
	if (standard == NULL || OSSL_PROVIDER_add_builtin(NULL, PROVIDER, init) != 1 ||
	    (ours = OSSL_PROVIDER_load(NULL, PROVIDER)) == NULL ||
	    EVP_set_default_properties(NULL, "?provider=default") != 1)
		log_fatal(EX_SOFTWARE, "OpenSSL does not take a provider: %s",
		    ERR_reason_error_string(ERR_peek_error()));
}

/* ---- making a key ------------------------------------------------------------------- */

static OSSL_PARAM *with_identity(const EVP_PKEY *public, uint32_t identity)
{
	OSSL_PARAM *data = NULL;
	const OSSL_PARAM more[] = {OSSL_PARAM_uint32(IDENTITY, &identity), OSSL_PARAM_END};
	if (EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &data) != 1)
		return NULL;
	OSSL_PARAM *merged = OSSL_PARAM_merge(data, more);
	OSSL_PARAM *copy = merged == NULL ? NULL : OSSL_PARAM_dup(merged);
	OSSL_PARAM_free(data);
	OPENSSL_free(merged);
	return copy;
}

EVP_PKEY *tls_provider_key(const EVP_PKEY *public, uint32_t identity)
{
	EVP_PKEY *key = NULL;
	bool is_rsa = EVP_PKEY_is_a(public, "RSA");
	if (!is_rsa && !EVP_PKEY_is_a(public, "EC"))
		return NULL;
	OSSL_PARAM *params = with_identity(public, identity);
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_name(NULL, is_rsa ? "RSA" : "EC", "provider=" PROVIDER);
	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	return key;
}
