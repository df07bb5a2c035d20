/* SPDX-License-Identifier: ISC
 *
 * A handshake that may have to wait for a signature: OpenSSL runs it as a job (SSL_MODE_ASYNC),
 * which pauses where tls-keys.h has asked. Embedded in who shakes hands, server or client.
 */
#ifndef POSTERN_TLS_JOB_H
#define POSTERN_TLS_JOB_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* The handshake can go on. */
typedef void tls_job_fn(void *ctx);

struct tls_job {
	tls_job_fn *on_signed;
	void *ctx;
	bool signing; /* the job is paused; exactly then */
	bool refused; /* keys gave no signature */
};

/* SSL_do_handshake; sets `error` from SSL_get_error and errno, and whether the job is paused. */
int tls_job_shake_hands(struct tls_job *job, SSL *ssl, int *error);
/* Before the SSL object goes: a paused job holds a stack, so it runs to its end, a failure. */
void tls_job_end(struct tls_job *job, SSL *ssl);
/* Which one OpenSSL works for now: the one whose handshake a signature belongs to. */
struct tls_job *tls_job_current(void);

#endif
