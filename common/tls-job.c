/* SPDX-License-Identifier: ISC */
#include "common/tls-job.h"
#include "common/tls-internal.h"

#include <errno.h>
#include <openssl/err.h>

static struct tls_job *current;

struct tls_job *tls_job_current(void)
{
	return current;
}

int tls_job_shake_hands(struct tls_job *job, SSL *ssl, int *error)
{
	tls_errors_clear();
	errno = 0;
	current = job;
	int rc = SSL_do_handshake(ssl);
	current = NULL;
	int system_error = errno;
	*error = SSL_get_error(ssl, rc);
	job->signing = *error == SSL_ERROR_WANT_ASYNC || *error == SSL_ERROR_WANT_ASYNC_JOB;
	errno = system_error;
	return rc;
}

void tls_job_end(struct tls_job *job, SSL *ssl)
{
	int error;
	if (!job->signing)
		return;
	tls_keys_forget(job);
	tls_job_shake_hands(job, ssl, &error);
	ERR_clear_error();
}
