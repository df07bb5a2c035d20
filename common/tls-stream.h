/* SPDX-License-Identifier: ISC
 *
 * TLS on one connection of a service: the handshake, then octets. Nothing waits: where
 * the socket is not ready, or the signature of the handshake is not here yet, the caller
 * is told and calls again.
 */
#ifndef POSTERN_TLS_STREAM_H
#define POSTERN_TLS_STREAM_H

#include "common/tls-facts.h"
#include "common/tls-io.h"
#include "common/tls-service.h"

#include <sys/types.h>

struct tls_stream;

/* The socket stays the caller's and outlives it. NULL: there is no certificate. */
struct tls_stream *tls_stream_new(
    struct tls_service *service, int fd, tls_job_fn *on_signed, void *ctx);
/* NULL does nothing. */
void tls_stream_free(struct tls_stream *t);

/* 1: done, `facts` are filled in. TLS_AGAIN; TLS_SIGNING; TLS_FAILED: `why` (lives for ever) is for
 * the log. */
int tls_stream_handshake(struct tls_stream *t, struct tls_facts *facts, const char **why);
/* Adds to the facts of a handshake that is done what binds a login to it (RFC 5929, RFC 9266). */
void tls_stream_take_bindings(struct tls_stream *t, struct tls_facts *facts);
/* As tls_io_read and tls_io_write. `more_follows`: the octets may wait a moment for what is written
 * next, tls_stream_close's good-bye included. */
int tls_stream_read(struct tls_stream *t, void *to, size_t n);
int tls_stream_write(struct tls_stream *t, const void *from, size_t n, bool more_follows);
/* What they return as recv(2) and send(2) would: -1 with errno EAGAIN, or EPIPE. */
ssize_t tls_stream_result(int rc);
/* Whether the last call waits to write, not to read. */
bool tls_stream_wants_write(const struct tls_stream *t);
/* Whether it waits to read: not to write, and for no signature. */
bool tls_stream_wants_read(const struct tls_stream *t);
/* Octets that were received already may wait to be read: the socket will not say so. */
bool tls_stream_has_more(const struct tls_stream *t);
/* Says good-bye; does not wait. */
void tls_stream_close(struct tls_stream *t);

#endif
