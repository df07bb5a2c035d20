/* SPDX-License-Identifier: ISC */
#include "common/tls-stream.h"
#include "common/mem.h"
#include "common/tls-internal.h"

#include <errno.h>
#include <stdlib.h>

struct tls_stream {
	struct tls_io io;
	struct tls_socket socket;
};

struct tls_stream *tls_stream_new(
    struct tls_service *service, int fd, tls_job_fn *on_signed, void *ctx)
{
	struct tls_stream *t = xcalloc(1, sizeof(*t));
	*t = (struct tls_stream){.socket = {.fd = fd, .shaking_hands = true},
	    .io.job = {.on_signed = on_signed, .ctx = ctx}};
	t->io.ssl = tls_service_open(service, t);
	BIO *bio = t->io.ssl == NULL ? NULL : tls_bio_new(&t->socket);
	if (bio == NULL) {
		tls_stream_free(t);
		return NULL;
	}
	SSL_set_bio(t->io.ssl, bio, bio);
	return t;
}

void tls_stream_free(struct tls_stream *t)
{
	if (t == NULL)
		return;
	tls_io_free(&t->io);
	free(t);
}

/* All that is left to send is the ticket of TLS 1.3: it goes with the first octets of the dialogue.
 * (TLS 1.2, where the client waits for more, has no such state.) */
static bool comes_ticket(const struct tls_stream *t)
{
	return SSL_get_state(t->io.ssl) == TLS_ST_EARLY_DATA;
}

int tls_stream_handshake(struct tls_stream *t, struct tls_facts *facts, const char **why)
{
	t->socket.more_follows = comes_ticket(t);
	int rc = tls_io_shake_hands(&t->io);
	if (rc == TLS_FAILED)
		*why = t->io.why != NULL ? t->io.why : "the client closed the connection";
	if (rc != 1)
		return rc;
	t->socket.shaking_hands = t->socket.awaits_answer = false;
	tls_facts_take(t->io.ssl, facts);
	return 1;
}

void tls_stream_take_bindings(struct tls_stream *t, struct tls_facts *facts)
{
	tls_facts_take_bindings(t->io.ssl, facts);
}

int tls_stream_read(struct tls_stream *t, void *to, size_t n)
{
	return tls_io_read(&t->io, to, n);
}

int tls_stream_write(struct tls_stream *t, const void *from, size_t n, bool more_follows)
{
	t->socket.more_follows = more_follows;
	return tls_io_write(&t->io, from, n);
}

ssize_t tls_stream_result(int rc)
{
	if (rc >= 0)
		return rc;
	errno = rc == TLS_AGAIN ? EAGAIN : EPIPE;
	return -1;
}

bool tls_stream_wants_write(const struct tls_stream *t)
{
	return t->io.wants_write;
}

bool tls_stream_wants_read(const struct tls_stream *t)
{
	return !t->io.wants_write && !t->io.job.signing;
}

bool tls_stream_has_more(const struct tls_stream *t)
{
	return tls_io_has_more(&t->io);
}

void tls_stream_close(struct tls_stream *t)
{
	t->socket.more_follows = false;
	tls_io_close(&t->io);
}
