/* SPDX-License-Identifier: ISC
 *
 * The job is the handshake's; octets need none.
 */
#include "common/tls-stream.h"
#include "common/mem.h"
#include "common/tls-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tls_stream {
	SSL *ssl;
	struct tls_socket socket;
	struct tls_job job;
	bool wants_write;
	bool broken;	  /* no good-bye */
};

struct tls_stream *tls_stream_new(
    struct tls_service *service, int fd, tls_job_fn *on_signed, void *ctx)
{
	struct tls_stream *t = xcalloc(1, sizeof(*t));
	*t = (struct tls_stream){.socket = {.fd = fd, .shaking_hands = true},
	    .job = {.on_signed = on_signed, .ctx = ctx}};
	t->ssl = tls_service_open(service, t);
	BIO *bio = t->ssl == NULL ? NULL : tls_bio_new(&t->socket);
	if (bio == NULL) {
		tls_stream_free(t);
		return NULL;
	}
	SSL_set_bio(t->ssl, bio, bio);
	return t;
}

void tls_stream_free(struct tls_stream *t)
{
	if (t == NULL)
		return;
	tls_job_end(&t->job, t->ssl);
	SSL_free(t->ssl);
	free(t);
}

static const char *explain(int error, int system_error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	if (error == SSL_ERROR_SSL && reason != NULL)
		return reason;
	if (error == SSL_ERROR_SYSCALL && system_error != 0)
		return strerrordesc_np(system_error);
	return "the client closed the connection";
}

/* What a return of OpenSSL's that is no success means. */
static int unsuccessful(struct tls_stream *t, int error)
{
	t->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (t->job.signing)
		return TLS_STREAM_SIGNING;
	if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ)
		return TLS_STREAM_AGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	t->broken = true;
	return TLS_STREAM_FAILED;
}

/* All that is left to send is the ticket of TLS 1.3: it goes with the first octets of the dialogue.
 * (TLS 1.2, where the client waits for more, has no such state.) */
static bool comes_ticket(const struct tls_stream *t)
{
	return SSL_get_state(t->ssl) == TLS_ST_EARLY_DATA;
}

int tls_stream_handshake(struct tls_stream *t, struct tls_facts *facts, const char **why)
{
	int error;
	t->socket.more_follows = comes_ticket(t);
	int rc = tls_job_shake_hands(&t->job, t->ssl, &error);
	int system_error = errno;
	if (rc == 1) {
		t->wants_write = t->socket.shaking_hands = t->socket.awaits_answer = false;
		SSL_clear_mode(t->ssl, SSL_MODE_ASYNC);
		tls_facts_take(t->ssl, facts);
		return 1;
	}
	rc = unsuccessful(t, error);
	if (rc == TLS_STREAM_AGAIN || rc == TLS_STREAM_SIGNING)
		return rc;
	*why = explain(error, system_error);
	tls_errors_clear();
	t->broken = true;
	return TLS_STREAM_FAILED;
}

void tls_stream_take_bindings(struct tls_stream *t, struct tls_facts *facts)
{
	tls_facts_take_bindings(t->ssl, facts);
}

static int at_most(size_t n)
{
	return n < INT32_MAX ? (int)n : INT32_MAX;
}

int tls_stream_read(struct tls_stream *t, void *to, size_t n)
{
	tls_errors_clear();
	int rc = SSL_read(t->ssl, to, at_most(n));
	if (rc > 0)
		return rc;
	rc = unsuccessful(t, SSL_get_error(t->ssl, rc));
	tls_errors_clear();
	return rc;
}

int tls_stream_write(struct tls_stream *t, const void *from, size_t n, bool more_follows)
{
	tls_errors_clear();
	t->socket.more_follows = more_follows;
	int rc = SSL_write(t->ssl, from, at_most(n));
	if (rc > 0)
		return rc;
	rc = unsuccessful(t, SSL_get_error(t->ssl, rc));
	tls_errors_clear();
	return rc == 0 ? TLS_STREAM_FAILED : rc;
}

bool tls_stream_wants_write(const struct tls_stream *t)
{
	return t->wants_write;
}

bool tls_stream_wants_read(const struct tls_stream *t)
{
	return !t->wants_write && !t->job.signing;
}

bool tls_stream_has_more(const struct tls_stream *t)
{
	return SSL_has_pending(t->ssl) == 1;
}

void tls_stream_close(struct tls_stream *t)
{
	t->socket.more_follows = false;
	if (!t->broken && SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	tls_errors_clear();
	t->broken = true;
}
