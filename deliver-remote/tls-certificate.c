/* SPDX-License-Identifier: ISC
 *
 * What we show to a server that asks for a certificate. Of one name there may be several, with
 * keys of different kinds: the first scheme that both sides know decides which.
 *
 * Never: show none because ours cannot be had just now. The server might refuse for ever what it
 * would take tomorrow.
 */
#include "common/tls-keys.h"
#include "common/tls-scheme.h"
#include "deliver-remote/tls-internal.h"

#include <openssl/err.h>

/* ---- which one ---------------------------------------------------------------------- */

/* RFC 5246 §7.4.4; in TLS 1.3 there are no such types. */
static bool is_type_wanted(SSL *ssl, bool is_rsa)
{
	const unsigned char *types;
	long n = SSL_get0_certificate_types(ssl, &types);
	if (SSL_version(ssl) >= TLS1_3_VERSION || n <= 0)
		return true;
	for (long i = 0; i < n; i++)
		if (types[i] == (is_rsa ? TLS_CT_RSA_SIGN : TLS_CT_ECDSA_SIGN))
			return true;
	return false;
}

/* RFC 8446 §4.2.3: since TLS 1.3 a scheme of ECDSA has its curve, and RSA signs by PSS alone. */
static bool is_allowed(SSL *ssl, const struct tls_scheme *scheme, const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	if (SSL_version(ssl) < TLS1_3_VERSION)
		return true;
	if (scheme->kind != TLS_SCHEME_ECDSA)
		return scheme->kind == TLS_SCHEME_PSS;
	return bits == (scheme->digest == 64 ? 521 : (int)scheme->digest * 8);
}

static bool fits(SSL *ssl, const struct tls_scheme *scheme, const struct tls_identity *id)
{
	const EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(id->chain, 0));
	bool is_rsa = EVP_PKEY_is_a(key, "RSA");
	return is_rsa == (scheme->kind != TLS_SCHEME_ECDSA) && is_type_wanted(ssl, is_rsa) &&
	       is_allowed(ssl, scheme, key);
}

static bool is_ours(const struct tls *t, const struct tls_identity *id)
{
	return id->key != NULL && strcmp(id->names[0], t->certificate) == 0;
}

/* NULL: none that the server could check. */
static const struct tls_identity *choose(const struct tls *t)
{
	const struct tls_identities *all = tls_keys_identities();
	int count = SSL_get_shared_sigalgs(t->io.ssl, 0, NULL, NULL, NULL, NULL, NULL);
	for (int i = 0; i < count; i++) {
		unsigned char low = 0, high = 0;
		SSL_get_shared_sigalgs(t->io.ssl, i, NULL, NULL, NULL, &low, &high);
		const struct tls_scheme *scheme = tls_scheme_find((uint16_t)(high << 8 | low));
		for (size_t k = 0; scheme != NULL && k < all->count; k++)
			if (is_ours(t, &all->list[k]) && fits(t->io.ssl, scheme, &all->list[k]))
				return &all->list[k];
	}
	return NULL;
}

static bool is_there(const struct tls *t)
{
	const struct tls_identities *all = tls_keys_identities();
	for (size_t i = 0; i < all->count; i++)
		if (is_ours(t, &all->list[i]))
			return true;
	return false;
}

static bool show(SSL *ssl, const struct tls_identity *id)
{
	STACK_OF(X509) *others = tls_identity_issuers(id);
	bool ok = SSL_use_cert_and_key(ssl, sk_X509_value(id->chain, 0), id->key, others, 1) == 1;
	sk_X509_free(others);
	return ok;
}

/* See SSL_CTX_set_cert_cb(3): 1 go on with what was set, 0 fail, -1 not now. */
static int on_wanted(SSL *ssl, void *unused)
{
	struct tls *t = SSL_get_app_data(ssl);
	(void)unused;
	t->asked = true;
	if (t->certificate[0] == '\0')
		return 1;
	if (!tls_keys_are_known())
		return -1;
	const struct tls_identity *id = choose(t);
	t->shown = id != NULL && show(ssl, id);
	t->missing = id != NULL ? !t->shown : !is_there(t);
	return !t->missing;
}

void tls_certificate_setup(SSL_CTX *context)
{
	SSL_CTX_set_cert_cb(context, on_wanted, NULL);
}

/* ---- until keys has spoken ------------------------------------------------------------ */

static TAILQ_HEAD(, tls) waiting = TAILQ_HEAD_INITIALIZER(waiting);

void tls_certificate_await(struct tls *t)
{
	if (!t->waiting)
		TAILQ_INSERT_TAIL(&waiting, t, link);
	t->waiting = true;
}

void tls_certificate_forget(struct tls *t)
{
	if (t->waiting)
		TAILQ_REMOVE(&waiting, t, link);
	t->waiting = false;
}

void tls_on_keys(void)
{
	struct tls *t;
	tls_sessions_clear(); /* to their servers we are who we were */
	while ((t = TAILQ_FIRST(&waiting)) != NULL) {
		tls_certificate_forget(t);
		t->io.job.on_signed(t->io.job.ctx);
	}
}
