/* SPDX-License-Identifier: ISC
 *
 * Invariant: tls_handshake returns 1 only when what was demanded holds. Where the certificate
 * decides, OpenSSL ends the handshake itself (SSL_VERIFY_PEER); otherwise its verdict only gives
 * the level.
 */
#include "deliver-remote/tls.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum {
	/* Who would talk in clear, too, need not be refused because of a short key. */
	SECURITY_LEVEL_ANY = 1,
	SECURITY_LEVEL = 2,
	CHAIN_LENGTH_MAX = 10,
};

struct tls {
	SSL *ssl;
	enum tls_demand demand;
	enum remote_tls level;
	bool wants_write;
	bool broken; /* no good-bye */
	const struct hop_fingerprint *fingerprints;
	size_t fingerprint_count;
};

static SSL_CTX *context;

/* ---- the program's ------------------------------------------------------------- */

static void load_authorities(const char *path)
{
	if (path == NULL || SSL_CTX_load_verify_file(context, path) == 1)
		return;
	ERR_clear_error();
	log_message(LOG_WARNING,
	    "the authorities in %s cannot be read: no server's certificate is trusted", path);
}

void tls_setup(const char *authorities)
{
	uint8_t some[32];
	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_dane_enable(context) <= 0 || RAND_bytes(some, sizeof(some)) != 1)
		log_fatal(EX_SOFTWARE, "OpenSSL cannot be set up");
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify_depth(context, CHAIN_LENGTH_MAX);
	load_authorities(authorities);
}

void tls_teardown(void)
{
	SSL_CTX_free(context);
	context = NULL;
}

/* ---- what is demanded ---------------------------------------------------------- */

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

static bool expect_all(struct tls *t, const struct tls_expect *e)
{
	if (t->demand == TLS_DEMAND_DANE) {
		int usable = expect_dane(t->ssl, e);
		if (usable < 0 || (usable == 0 && e->dane_only))
			return false;
		/* Records that nobody can match demand encryption, no more (RFC 7672 §2.2). */
		if (usable == 0)
			t->demand = TLS_DEMAND_ENCRYPT;
	} else if (!expect_names(t->ssl, e)) {
		return false;
	}
	bool decides = t->demand == TLS_DEMAND_DANE || t->demand == TLS_DEMAND_VERIFY;
	SSL_set_verify(t->ssl, decides ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	bool any = t->demand == TLS_DEMAND_MAY || t->demand == TLS_DEMAND_ENCRYPT;
	SSL_set_security_level(t->ssl, any ? SECURITY_LEVEL_ANY : SECURITY_LEVEL);
	return true;
}

/* RFC 7672 §8.1, RFC 6066 §3: a name, never an address. */
static bool set_sni(SSL *ssl, const struct tls_expect *e)
{
	const char *name = e->demand == TLS_DEMAND_DANE ? e->tlsa_base : e->host;
	return name == NULL || SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls *tls_new(int fd, const struct tls_expect *e)
{
	struct tls *t = xcalloc(1, sizeof(*t));
	t->demand = e->demand;
	t->fingerprints = e->fingerprints;
	t->fingerprint_count = e->fingerprint_count;
	t->ssl = SSL_new(context);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1 || !expect_all(t, e) ||
	    !set_sni(t->ssl, e)) {
		ERR_clear_error();
		tls_free(t);
		return NULL;
	}
	SSL_set_connect_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	free(t);
}

/* ---- handshake --------------------------------------------------------------------- */

static bool matches(const struct tls *t, const uint8_t *digest, size_t n)
{
	for (size_t i = 0; i < t->fingerprint_count; i++) {
		struct str f = t->fingerprints[i].sha256;
		if (f.n == n && CRYPTO_memcmp(f.p, digest, n) == 0)
			return true;
	}
	return false;
}

/* Of the certificate, or of its public key. */
static bool has_fingerprint(const struct tls *t)
{
	uint8_t digest[EVP_MAX_MD_SIZE], *key = NULL;
	unsigned n = 0;
	X509 *cert = SSL_get0_peer_certificate(t->ssl);
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

static int accept_peer(struct tls *t, struct text *why)
{
	bool known = SSL_get_verify_result(t->ssl) == X509_V_OK &&
		     SSL_get0_peer_certificate(t->ssl) != NULL;
	t->level = known ? REMOTE_TLS_TRUSTED : REMOTE_TLS_UNTRUSTED;
	bool decides = t->demand == TLS_DEMAND_DANE || t->demand == TLS_DEMAND_VERIFY;
	if ((decides && !known) ||
	    (t->demand == TLS_DEMAND_DANE && SSL_get0_dane_authority(t->ssl, NULL, NULL) < 0)) {
		text_add(why, STR("its certificate is not what is demanded"));
		return TLS_FAILED;
	}
	if (t->demand == TLS_DEMAND_FINGERPRINT && !has_fingerprint(t)) {
		text_add(why, STR("its certificate has another fingerprint"));
		return TLS_FAILED;
	}
	if (decides || t->demand == TLS_DEMAND_FINGERPRINT)
		t->level = REMOTE_TLS_VERIFIED;
	return 1;
}

static void explain(const struct tls *t, int error, int system_error, struct text *why)
{
	long verdict = SSL_get_verify_result(t->ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	bool decides = t->demand == TLS_DEMAND_DANE || t->demand == TLS_DEMAND_VERIFY;
	if (decides && verdict != X509_V_OK)
		text_printf(why, "certificate verification failed: %s",
		    X509_verify_cert_error_string(verdict));
	else if (error == SSL_ERROR_SSL && reason != NULL)
		text_add(why, str_from_cstr(reason));
	else if (error == SSL_ERROR_SYSCALL && system_error != 0)
		text_add(why, str_from_cstr(strerrordesc_np(system_error)));
	else
		text_add(why, STR("the server closed the connection"));
}

/* What a return of OpenSSL's that is no success means. */
static int unsuccessful(struct tls *t, int rc, int *error)
{
	*error = SSL_get_error(t->ssl, rc);
	t->wants_write = *error == SSL_ERROR_WANT_WRITE;
	if (*error == SSL_ERROR_WANT_WRITE || *error == SSL_ERROR_WANT_READ)
		return TLS_AGAIN;
	if (*error == SSL_ERROR_ZERO_RETURN)
		return 0;
	t->broken = true;
	return TLS_FAILED;
}

int tls_handshake(struct tls *t, struct text *why)
{
	int error;
	ERR_clear_error();
	errno = 0;
	int rc = SSL_do_handshake(t->ssl);
	if (rc == 1)
		return accept_peer(t, why);
	int system_error = errno;
	rc = unsuccessful(t, rc, &error);
	if (rc == TLS_AGAIN)
		return rc;
	explain(t, error, system_error, why);
	ERR_clear_error();
	t->broken = true;
	return TLS_FAILED;
}

/* ---- octets ------------------------------------------------------------------------ */

static int at_most(size_t n)
{
	return n < INT32_MAX ? (int)n : INT32_MAX;
}

int tls_read(struct tls *t, void *to, size_t n)
{
	int error;
	ERR_clear_error();
	int rc = SSL_read(t->ssl, to, at_most(n));
	if (rc > 0)
		return rc;
	rc = unsuccessful(t, rc, &error);
	ERR_clear_error();
	return rc;
}

int tls_write(struct tls *t, const void *from, size_t n)
{
	int error;
	ERR_clear_error();
	int rc = SSL_write(t->ssl, from, at_most(n));
	if (rc > 0)
		return rc;
	rc = unsuccessful(t, rc, &error);
	ERR_clear_error();
	return rc == 0 ? TLS_FAILED : rc;
}

bool tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

bool tls_has_more(const struct tls *t)
{
	return SSL_pending(t->ssl) > 0;
}

void tls_close(struct tls *t)
{
	if (!t->broken && SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	ERR_clear_error();
}

enum remote_tls tls_level(const struct tls *t)
{
	return t->level;
}

void tls_describe(const struct tls *t, struct text *out)
{
	int secret = 0;
	const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
	int bits = SSL_CIPHER_get_bits(cipher, &secret);
	text_printf(out, "%s with cipher %s (%d/%d bits)", SSL_get_version(t->ssl),
	    SSL_CIPHER_get_name(cipher), bits, secret);
}
