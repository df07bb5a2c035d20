/* SPDX-License-Identifier: ISC
 *
 * Invariant: tls_handshake returns 1 only when what was demanded holds. Where the certificate
 * decides, OpenSSL ends the handshake itself (SSL_VERIFY_PEER), or was asked before the session was
 * offered that is resumed; otherwise its verdict only gives the level.
 */
#include "deliver-remote/tls-internal.h"
#include "common/log.h"
#include "common/mem.h"

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
	t->io.job = (struct tls_job){.on_signed = on_signed, .ctx = ctx};
	t->demand = e->demand;
	if (e->certificate.n > 0 && e->certificate.n < sizeof(t->certificate))
		memcpy(t->certificate, e->certificate.p, e->certificate.n);
	t->fingerprints = e->fingerprints;
	t->fingerprint_count = e->fingerprint_count;
	t->io.ssl = SSL_new(context);
	if (t->io.ssl == NULL || SSL_set_fd(t->io.ssl, fd) != 1 || !tls_expect_all(t, e)) {
		ERR_clear_error();
		tls_free(t);
		return NULL;
	}
	SSL_set_app_data(t->io.ssl, t);
	tls_resume_setup(t, e);
	tls_resume_offer(t);
	SSL_set_connect_state(t->io.ssl);
	/* A job costs a stack: only where there may be something to sign. */
	if (t->certificate[0] != '\0')
		SSL_set_mode(t->io.ssl, SSL_MODE_ASYNC);
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	tls_certificate_forget(t);
	tls_io_free(&t->io);
	free(t);
}

/* ---- handshake --------------------------------------------------------------------- */

/* That a record of DANE matches OpenSSL forgets with the connection; of a session that is resumed
 * it was found out before (tls-resume.c). */
static bool is_matched(const struct tls *t)
{
	return t->demand != TLS_DEMAND_DANE || tls_is_resumed(t) ||
	       SSL_get0_dane_authority(t->io.ssl, NULL, NULL) >= 0;
}

static int accept_peer(struct tls *t, struct text *why)
{
	bool known = SSL_get_verify_result(t->io.ssl) == X509_V_OK &&
		     SSL_get0_peer_certificate(t->io.ssl) != NULL;
	t->level = known ? REMOTE_TLS_TRUSTED : REMOTE_TLS_UNTRUSTED;
	bool decides = tls_decides(t->demand);
	if (decides && !(known && is_matched(t))) {
		text_add(why, STR("its certificate is not what is demanded"));
		return TLS_FAILED;
	}
	if (t->demand == TLS_DEMAND_FINGERPRINT &&
	    !tls_has_fingerprint(t, SSL_get0_peer_certificate(t->io.ssl))) {
		text_add(why, STR("its certificate has another fingerprint"));
		return TLS_FAILED;
	}
	if (decides || t->demand == TLS_DEMAND_FINGERPRINT)
		t->level = REMOTE_TLS_VERIFIED;
	return 1;
}

static void explain(const struct tls *t, struct text *why)
{
	long verdict = SSL_get_verify_result(t->io.ssl);
	if (t->missing)
		text_printf(why, "it asks for our certificate %s, which cannot be shown now",
		    t->certificate);
	else if (t->io.job.refused)
		text_printf(
		    why, "the program keys does not sign for our certificate %s", t->certificate);
	else if (tls_decides(t->demand) && verdict != X509_V_OK)
		text_printf(why, "certificate verification failed: %s",
		    X509_verify_cert_error_string(verdict));
	else if (!tls_explain_alert(t, why))
		text_add(why, t->io.why != NULL ? str_from_cstr(t->io.why)
						: STR("the server closed the connection"));
}

int tls_handshake(struct tls *t, struct text *why)
{
	int rc = tls_io_shake_hands(&t->io);
	if (rc == TLS_SIGNING && t->io.choosing)
		tls_certificate_await(t);
	if (rc == TLS_AGAIN || rc == TLS_SIGNING)
		return rc;
	if (rc == TLS_FAILED)
		explain(t, why);
	else
		rc = accept_peer(t, why);
	if (rc == 1)
		tls_resume_accepted(t);
	else
		tls_resume_failed(t);
	return rc;
}

/* ---- octets ------------------------------------------------------------------------ */

int tls_read(struct tls *t, void *to, size_t n)
{
	int rc = tls_io_read(&t->io, to, n);
	t->heard = t->heard || rc > 0;
	if (tls_is_refused(t))
		tls_resume_failed(t);
	return rc;
}

int tls_write(struct tls *t, const void *from, size_t n)
{
	return tls_io_write(&t->io, from, n);
}

bool tls_is_own_fault(const struct tls *t)
{
	return t->missing || t->io.job.refused;
}

bool tls_is_cut_off(const struct tls *t)
{
	return t->io.cut_off;
}

bool tls_has_offered_session(const struct tls *t)
{
	return t->offered;
}

bool tls_is_resumed(const struct tls *t)
{
	return SSL_session_reused(t->io.ssl) == 1;
}

bool tls_wants_write(const struct tls *t)
{
	return t->io.wants_write;
}

bool tls_has_more(const struct tls *t)
{
	return tls_io_has_more(&t->io);
}

void tls_close(struct tls *t)
{
	tls_io_close(&t->io);
}

enum remote_tls tls_level(const struct tls *t)
{
	return t->level;
}

void tls_describe(const struct tls *t, struct text *out)
{
	int secret = 0;
	const SSL_CIPHER *cipher = SSL_get_current_cipher(t->io.ssl);
	int bits = SSL_CIPHER_get_bits(cipher, &secret);
	text_printf(out, "%s with cipher %s (%d/%d bits)", SSL_get_version(t->io.ssl),
	    SSL_CIPHER_get_name(cipher), bits, secret);
}
