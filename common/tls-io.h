/* SPDX-License-Identifier: ISC
 *
 * Handshake and octets through an SSL object whose socket is not waited for, and what OpenSSL's
 * returns mean; alike for client and server. Embedded in who owns the object, who says what is
 * demanded of the other side and reads the fields.
 *
 * New keys (RFC 8446 §4.6.3) are made as often as it is sane to want them. Who goes on asking, for them or
 * for another handshake, would keep the whole event loop busy for nothing: there the connection fails.
 */
#ifndef POSTERN_TLS_IO_H
#define POSTERN_TLS_IO_H

#include "common/tls-job.h"

#include <stddef.h>

enum {
	TLS_AGAIN =
	    -1, /* when the socket is ready, to be written to if `wants_write`, else to be read */
	TLS_FAILED = -2,  /* nothing more goes through it; `why`, `alert` and errno (or 0) tell */
	TLS_SIGNING = -3, /* the job's on_signed will be called; or `choosing` */
	TLS_LATE_MAX = 32, /* messages of a handshake's kind, behind it */
};

struct tls_io {
	SSL *ssl; /* freed here */
	struct tls_job job;
	bool wants_write; /* of the last call */
	bool choosing;	  /* the certificate callback cannot say yet: its owner knows what for */
	bool broken;	  /* it has failed: no good-bye */
	bool cut_off;	  /* by the end of the connection, with no word about TLS */
	int alert;	  /* by which the other side ended it; 0: none */
	unsigned late;	  /* messages that came behind the handshake: new keys, tickets */
	const char *why;  /* lives for ever; NULL: the other side closed */
};

/* 1: done; TLS_AGAIN, TLS_SIGNING, TLS_FAILED. */
int tls_io_shake_hands(struct tls_io *io);
/* Octets; 0: the other side has said good-bye; TLS_AGAIN; TLS_FAILED. `n` is not 0. */
int tls_io_read(struct tls_io *io, void *to, size_t n);
/* Octets, which may be fewer than n; TLS_AGAIN; TLS_FAILED. `n` is not 0. */
int tls_io_write(struct tls_io *io, const void *from, size_t n);
/* Octets that were received already may wait to be read: the socket will not say so. */
bool tls_io_has_more(const struct tls_io *io);
/* Says good-bye, once; does not wait. */
void tls_io_close(struct tls_io *io);
/* Ends a paused job, too. */
void tls_io_free(struct tls_io *io);

#endif
