/* SPDX-License-Identifier: ISC
 *
 * What others may know of a connection, from OpenSSL.
 */
#include "common/mem.h"
#include "common/tls-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9266 §4.1. Not before TLS 1.3, and there always. */
static void take_exporter(SSL *ssl, struct tls_facts *f)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	f->has_exporter = SSL_version(ssl) >= TLS1_3_VERSION &&
			  SSL_export_keying_material(ssl, f->exporter, sizeof(f->exporter), label,
			      sizeof(label) - 1, (const uint8_t *)"", 0, 1) == 1;
}

/* RFC 5929 §3.1: the first Finished message, which is the client's, or the server's when a session
 * was resumed. Safe only with the extended master secret (RFC 7627), and none of TLS 1.3. */
static void take_unique(SSL *ssl, struct tls_facts *f)
{
	if (SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) != 1)
		return;
	size_t n = f->resumed ? SSL_get_finished(ssl, f->unique, sizeof(f->unique))
			      : SSL_get_peer_finished(ssl, f->unique, sizeof(f->unique));
	f->unique_size = n <= sizeof(f->unique) ? n : 0;
}

/* Of a certificate, kept with it: each new ticket wants it. */
struct endpoint {
	uint8_t octets[TLS_ENDPOINT_MAX];
	unsigned n;
};

static void free_endpoint(
    void *parent, void *endpoint, CRYPTO_EX_DATA *data, int index, long n, void *p)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)n;
	(void)p;
	free(endpoint);
}

static int endpoint_index(void)
{
	static int index = -1;
	if (index < 0)
		index = CRYPTO_get_ex_new_index(
		    CRYPTO_EX_INDEX_X509, 0, NULL, NULL, NULL, free_endpoint);
	return index;
}

/* RFC 5929 §4.1: the hash of the certificate's signature, of MD5 and SHA-1 SHA-256 instead. */
static void hash_certificate(X509 *own, struct endpoint *e)
{
	int hash = NID_undef;
	if (X509_get_signature_info(own, &hash, NULL, NULL, NULL) != 1)
		return;
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	const EVP_MD *md = EVP_get_digestbynid(hash);
	if (md == NULL || EVP_MD_get_size(md) > TLS_ENDPOINT_MAX ||
	    X509_digest(own, md, e->octets, &e->n) != 1)
		e->n = 0;
}

size_t tls_facts_endpoint(SSL *ssl, uint8_t out[TLS_ENDPOINT_MAX])
{
	X509 *own = SSL_get_certificate(ssl);
	if (own == NULL)
		return 0;
	struct endpoint *e = X509_get_ex_data(own, endpoint_index());
	if (e == NULL) {
		e = xcalloc(1, sizeof(*e));
		hash_certificate(own, e);
		if (X509_set_ex_data(own, endpoint_index(), e) != 1) {
			free(e);
			return 0;
		}
	}
	memcpy(out, e->octets, e->n);
	return e->n;
}

/* Of a resumed session it is that of the handshake it began with, which its ticket knows. */
static void take_endpoint(SSL *ssl, struct tls_facts *f)
{
	void *kept = NULL;
	size_t n = 0;
	if (!f->resumed) {
		f->endpoint_size = tls_facts_endpoint(ssl, f->endpoint);
	} else if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &kept, &n) == 1 && n > 0 &&
		   n <= sizeof(f->endpoint)) {
		memcpy(f->endpoint, kept, n);
		f->endpoint_size = n;
	}
}

static void take_peer(SSL *ssl, struct tls_facts *f)
{
	unsigned n = 0;
	const X509 *peer = SSL_get0_peer_certificate(ssl);
	f->has_peer = peer != NULL && X509_digest(peer, EVP_sha256(), f->peer_sha256, &n) == 1;
}

void tls_facts_take(SSL *ssl, struct tls_facts *f)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	*f = (struct tls_facts){.resumed = SSL_session_reused(ssl) == 1};
	snprintf(f->version, sizeof(f->version), "%s", SSL_get_version(ssl));
	snprintf(f->cipher, sizeof(f->cipher), "%s", SSL_CIPHER_get_name(cipher));
	f->bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL);
	snprintf(f->server_name, sizeof(f->server_name), "%s", name == NULL ? "" : name);
	take_peer(ssl, f);
	tls_errors_clear();
}

void tls_facts_take_bindings(SSL *ssl, struct tls_facts *f)
{
	take_exporter(ssl, f);
	take_unique(ssl, f);
	take_endpoint(ssl, f);
	tls_errors_clear();
}
