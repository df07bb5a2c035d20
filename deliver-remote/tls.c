/* SPDX-License-Identifier: ISC
 *
 * Invariant: tls_handshake returns 1 only when what was demanded holds. Where the certificate
 * decides, OpenSSL ends the handshake itself (SSL_VERIFY_PEER), or was asked before the session was
 * offered that is resumed; otherwise its verdict only gives the level.
 */
#include "deliver-remote/tls-internal.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sysexits.h>

enum {
	CHAIN_LENGTH_MAX = 10,
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
	SSL_CTX_set_options(context,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify_depth(context, CHAIN_LENGTH_MAX);
	load_authorities(authorities);
	tls_certificate_setup(context);
	tls_resume_configure(context);
}

void tls_teardown(void)
{
	tls_sessions_clear();
	SSL_CTX_free(context);
	context = NULL;
}

/* ---- life ------------------------------------------------------------------------- */

struct tls *tls_new(int fd, const struct tls_expect *e, tls_job_fn *on_signed, void *ctx)
{
	struct tls *t = xcalloc(1, sizeof(*t));
	t->job = (struct tls_job){.on_signed = on_signed, .ctx = ctx};
	t->demand = e->demand;
	if (e->certificate.n > 0 && e->certificate.n < sizeof(t->certificate))
		memcpy(t->certificate, e->certificate.p, e->certificate.n);
	t->fingerprints = e->fingerprints;
	t->fingerprint_count = e->fingerprint_count;
	t->ssl = SSL_new(context);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1 || !tls_expect_all(t, e)) {
		ERR_clear_error();
		tls_free(t);
		return NULL;
	}
	SSL_set_app_data(t->ssl, t);
	tls_resume_setup(t, e);
	tls_resume_offer(t);
	SSL_set_connect_state(t->ssl);
	/* A job costs a stack: only where there may be something to sign. */
	if (t->certificate[0] != '\0')
		SSL_set_mode(t->ssl, SSL_MODE_ASYNC);
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	tls_certificate_forget(t);
	tls_job_end(&t->job, t->ssl);
	SSL_free(t->ssl);
	free(t);
}

/* ---- handshake --------------------------------------------------------------------- */

/* That a record of DANE matches OpenSSL forgets with the connection; of a session that is resumed
 * it was found out before (tls-resume.c). */
static bool is_matched(const struct tls *t)
{
	return t->demand != TLS_DEMAND_DANE || tls_is_resumed(t) ||
	       SSL_get0_dane_authority(t->ssl, NULL, NULL) >= 0;
}

static int accept_peer(struct tls *t, struct text *why)
{
	bool known =
	    SSL_get_verify_result(t->ssl) == X509_V_OK && SSL_get0_peer_certificate(t->ssl) != NULL;
	t->level = known ? REMOTE_TLS_TRUSTED : REMOTE_TLS_UNTRUSTED;
	bool decides = tls_decides(t->demand);
	if (decides && !(known && is_matched(t))) {
		text_add(why, STR("its certificate is not what is demanded"));
		return TLS_FAILED;
	}
	if (t->demand == TLS_DEMAND_FINGERPRINT &&
	    !tls_has_fingerprint(t, SSL_get0_peer_certificate(t->ssl))) {
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
	if (t->missing)
		text_printf(why, "it asks for our certificate %s, which cannot be shown now",
		    t->certificate);
	else if (t->job.refused)
		text_printf(
		    why, "the program keys does not sign for our certificate %s", t->certificate);
	else if (tls_decides(t->demand) && verdict != X509_V_OK)
		text_printf(why, "certificate verification failed: %s",
		    X509_verify_cert_error_string(verdict));
	else if (tls_explain_alert(t, why))
		return;
	else if (error == SSL_ERROR_SSL && reason != NULL)
		text_add(why, str_from_cstr(reason));
	else if (error == SSL_ERROR_SYSCALL && system_error != 0)
		text_add(why, str_from_cstr(strerrordesc_np(system_error)));
	else
		text_add(why, STR("the server closed the connection"));
}

/* What a return of OpenSSL's that is no success means. */
static int unsuccessful(struct tls *t, int error)
{
	t->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_WANT_X509_LOOKUP)
		tls_certificate_await(t);
	if (error == SSL_ERROR_WANT_X509_LOOKUP || t->job.signing)
		return TLS_SIGNING;
	if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ)
		return TLS_AGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	t->broken = true;
	tls_alert_note(t);
	return TLS_FAILED;
}

int tls_handshake(struct tls *t, struct text *why)
{
	int error;
	int rc = tls_job_shake_hands(&t->job, t->ssl, &error);
	int system_error = errno;
	if (rc == 1) {
		SSL_clear_mode(t->ssl, SSL_MODE_ASYNC);
		rc = accept_peer(t, why);
		if (rc == 1)
			tls_resume_accepted(t);
		else
			tls_resume_failed(t);
		return rc;
	}
	rc = unsuccessful(t, error);
	if (rc == TLS_AGAIN || rc == TLS_SIGNING)
		return rc;
	tls_resume_failed(t);
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
	ERR_clear_error();
	int rc = SSL_read(t->ssl, to, at_most(n));
	if (rc > 0) {
		t->heard = true;
		return rc;
	}
	rc = unsuccessful(t, SSL_get_error(t->ssl, rc));
	ERR_clear_error();
	if (tls_is_refused(t))
		tls_resume_failed(t);
	return rc;
}

int tls_write(struct tls *t, const void *from, size_t n)
{
	ERR_clear_error();
	int rc = SSL_write(t->ssl, from, at_most(n));
	if (rc > 0)
		return rc;
	rc = unsuccessful(t, SSL_get_error(t->ssl, rc));
	ERR_clear_error();
	return rc == 0 ? TLS_FAILED : rc;
}

bool tls_is_own_fault(const struct tls *t)
{
	return t->missing || t->job.refused;
}

bool tls_has_offered_session(const struct tls *t)
{
	return t->offered;
}

bool tls_is_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
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
