/* SPDX-License-Identifier: ISC
 *
 * What is demanded of a server's certificate, in OpenSSL's terms.
 */
#include "deliver-remote/tls-internal.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

enum {
	/* Who would talk in clear, too, need not be refused because of a short key. */
	SECURITY_LEVEL_ANY = 1,
	SECURITY_LEVEL = 2,
};

bool tls_decides(enum tls_demand demand)
{
	return demand == TLS_DEMAND_DANE || demand == TLS_DEMAND_VERIFY;
}

static bool add_name(SSL *ssl, struct str name)
{
	char text[DOMAIN_MAX + 1];
	if (name.n == 0 || name.n > DOMAIN_MAX)
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return SSL_add1_host(ssl, text) == 1;
}

static bool add_address(SSL *ssl, const struct place *address)
{
	size_t n = address->family == 4 ? 4 : 16;
	return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), address->octets, n) == 1;
}

/* ".example.org" stands for every name below it: OpenSSL reads it so. */
static bool expect_names(SSL *ssl, const struct tls_expect *e)
{
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (size_t i = 0; i < e->name_count; i++)
		if (!add_name(ssl, e->names[i].name))
			return false;
	if (e->name_count > 0)
		return true;
	if (e->host != NULL)
		return add_name(ssl, str_from_cstr(e->host));
	return add_address(ssl, e->address);
}

/* RFC 7672 §3.1.1: of DANE-EE only the key counts, not the names; §3.2.3: of DANE-TA the base
 * domain or the next-hop domain. Returns how many records can be used. */
static int expect_dane(SSL *ssl, const struct tls_expect *e)
{
	int usable = 0;
	if (SSL_dane_enable(ssl, e->tlsa_base) <= 0)
		return -1;
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (e->nexthop != NULL && !add_name(ssl, str_from_cstr(e->nexthop)))
		return -1;
	for (size_t i = 0; i < e->record_count; i++) {
		const struct tlsa *r = &e->records[i];
		if (tlsa_is_usable(r) && SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching,
					     (const uint8_t *)r->data.p, r->data.n) > 0)
			usable++;
	}
	ERR_clear_error();
	return usable;
}

/* RFC 7672 §8.1, RFC 6066 §3: a name, never an address. */
static bool set_sni(SSL *ssl, const struct tls_expect *e)
{
	const char *name = e->demand == TLS_DEMAND_DANE ? e->tlsa_base : e->host;
	return name == NULL || SSL_set_tlsext_host_name(ssl, name) == 1;
}

bool tls_expect_all(struct tls *t, const struct tls_expect *e)
{
	if (t->demand == TLS_DEMAND_DANE) {
		int usable = expect_dane(t->io.ssl, e);
		if (usable < 0 || (usable == 0 && e->dane_only))
			return false;
		/* Records that nobody can match demand encryption, no more (RFC 7672 §2.2). */
		if (usable == 0)
			t->demand = TLS_DEMAND_ENCRYPT;
	} else if (!expect_names(t->io.ssl, e)) {
		return false;
	}
	SSL_set_verify(t->io.ssl, tls_decides(t->demand) ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	bool any = t->demand == TLS_DEMAND_MAY || t->demand == TLS_DEMAND_ENCRYPT;
	SSL_set_security_level(t->io.ssl, any ? SECURITY_LEVEL_ANY : SECURITY_LEVEL);
	return set_sni(t->io.ssl, e);
}

/* ---- fingerprints ------------------------------------------------------------------ */

static bool matches(const struct tls *t, const uint8_t *digest, size_t n)
{
	for (size_t i = 0; i < t->fingerprint_count; i++) {
		struct str f = t->fingerprints[i].sha256;
		if (f.n == n && CRYPTO_memcmp(f.p, digest, n) == 0)
			return true;
	}
	return false;
}

bool tls_has_fingerprint(const struct tls *t, X509 *cert)
{
	uint8_t digest[EVP_MAX_MD_SIZE], *key = NULL;
	unsigned n = 0;
	if (cert == NULL)
		return false;
	if (X509_digest(cert, EVP_sha256(), digest, &n) == 1 && matches(t, digest, n))
		return true;
	int key_n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &key);
	bool same = key_n > 0 &&
		    EVP_Digest(key, (size_t)key_n, digest, &n, EVP_sha256(), NULL) == 1 &&
		    matches(t, digest, n);
	OPENSSL_free(key);
	return same;
}
