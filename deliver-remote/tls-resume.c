/* SPDX-License-Identifier: ISC
 *
 * Resuming a session saves the server's signature, not the question whether its certificate will
 * do: that is answered anew, by the present policy, records and clock, before the session is
 * offered. What the session adds is the proof of the certificate's key, an hour old at most.
 *
 * A session is offered to the address and port, by the name (SNI), under the demand and with the
 * certificate of ours that it was made with, and to no other.
 */
#include "common/buf.h"
#include "common/loop.h"
#include "deliver-remote/tls-internal.h"

#include <openssl/err.h>

/* ---- which ones are alike ------------------------------------------------------------- */

void tls_resume_setup(struct tls *t, const struct tls_expect *e)
{
	uint8_t octets[sizeof(struct place) + 1 + 2 * (DOMAIN_MAX + 1)];
	const char *sni = SSL_get_servername(t->io.ssl, TLSEXT_NAMETYPE_host_name);
	size_t n = sizeof(struct place), sni_n = sni != NULL ? strlen(sni) : 0;
	unsigned size;
	if (e->address == NULL || sni_n > DOMAIN_MAX)
		return;
	memcpy(octets, e->address, n);
	octets[n++] = (uint8_t)t->demand;
	memcpy(octets + n, t->certificate, sizeof(t->certificate));
	n += sizeof(t->certificate);
	if (sni_n > 0)
		memcpy(octets + n, sni, sni_n);
	n += sni_n;
	t->may_resume =
	    EVP_Digest(octets, n, t->session_key.sha256, &size, EVP_sha256(), NULL) == 1;
}

/* ---- using one -------------------------------------------------------------------------- */

/* As OpenSSL does in a handshake that shows the certificate. */
static bool verify(SSL *ssl, bool dane)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	X509_STORE_CTX *v = X509_STORE_CTX_new();
	bool ok = v != NULL && chain != NULL && sk_X509_num(chain) > 0 &&
		  X509_STORE_CTX_init(v, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)),
		      sk_X509_value(chain, 0), chain) == 1;
	if (ok) {
		X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(v);
		if (dane)
			X509_STORE_CTX_set0_dane(v, SSL_get0_dane(ssl));
		ok = X509_STORE_CTX_set_default(v, "ssl_server") == 1 &&
		     X509_VERIFY_PARAM_set1(param, SSL_get0_param(ssl)) == 1;
		X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(ssl));
		ok = ok && X509_verify_cert(v) == 1;
	}
	X509_STORE_CTX_free(v);
	ERR_clear_error();
	return ok;
}

static bool is_as_demanded(const struct tls *t, const SSL_SESSION *session)
{
	if (t->demand == TLS_DEMAND_FINGERPRINT)
		return tls_has_fingerprint(
		    t, SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session));
	return !tls_decides(t->demand) || verify(t->io.ssl, t->demand == TLS_DEMAND_DANE);
}

void tls_resume_offer(struct tls *t)
{
	uint64_t now_ms = loop_now_ms();
	t->until_ms = now_ms + TLS_SESSION_MS;
	SSL_SESSION *session =
	    t->may_resume ? tls_sessions_take(&t->session_key, now_ms, &t->session_until_ms) : NULL;
	if (session == NULL)
		return;
	t->offered = SSL_set_session(t->io.ssl, session) == 1 && is_as_demanded(t, session);
	if (!t->offered) {
		SSL_set_session(t->io.ssl, NULL);
		tls_sessions_drop(&t->session_key);
	}
	SSL_SESSION_free(session);
}

/* ---- keeping them ----------------------------------------------------------------------- */

static bool is_small(SSL *ssl, const SSL_SESSION *session)
{
	const unsigned char *ticket;
	const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	size_t ticket_n = 0, n = 0;
	SSL_SESSION_get0_ticket(session, &ticket, &ticket_n);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		int size = i2d_X509(sk_X509_value(chain, i), NULL);
		n += size > 0 ? (size_t)size : TLS_SESSION_CHAIN_MAX;
	}
	return ticket_n <= TLS_SESSION_TICKET_MAX && n <= TLS_SESSION_CHAIN_MAX;
}

/* Takes the reference when it says so. */
static bool keep(struct tls *t, SSL_SESSION *session)
{
	if (!t->may_resume || !SSL_SESSION_is_resumable(session) || !is_small(t->io.ssl, session))
		return false;
	tls_sessions_put(&t->session_key, session, t->until_ms, loop_now_ms());
	return true;
}

/* Of TLS 1.3, after the handshake: see SSL_CTX_sess_set_new_cb(3). */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_get_app_data(ssl);
	return t->accepted && keep(t, session);
}

void tls_resume_accepted(struct tls *t)
{
	t->accepted = true;
	if (SSL_session_reused(t->io.ssl) == 1)
		t->until_ms = t->session_until_ms;
	if (SSL_version(t->io.ssl) >= TLS1_3_VERSION)
		return;
	SSL_SESSION *session = SSL_get1_session(t->io.ssl);
	if (session != NULL && !keep(t, session))
		SSL_SESSION_free(session);
}

void tls_resume_failed(struct tls *t)
{
	t->may_resume = false;
	tls_sessions_drop(&t->session_key);
}

void tls_resume_configure(SSL_CTX *context)
{
	SSL_CTX_set_session_cache_mode(context,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_set_timeout(context, TLS_SESSION_MS / 1000);
	SSL_CTX_sess_set_new_cb(context, on_session);
}
