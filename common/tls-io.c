/* SPDX-License-Identifier: ISC
 *
 * OpenSSL's queue of errors is empty before each call, as SSL_get_error(3) wants it, and after it.
 * The job is the handshake's; octets need none.
 */
#include "common/tls-io.h"
#include "common/tls-internal.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* An alert that came is an error of that number (SSL_AD_REASON_OFFSET). */
static int alert_of(unsigned long error)
{
	int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
	return ERR_GET_LIB(error) == ERR_LIB_SSL && alert > 0 && alert <= UINT8_MAX ? alert : 0;
}

static int fail(struct tls_io *io, int error, int system_error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	io->broken = true;
	io->alert = alert_of(ERR_peek_error());
	if (error == SSL_ERROR_SSL && reason != NULL)
		io->why = reason;
	else if (error == SSL_ERROR_SYSCALL && system_error != 0)
		io->why = strerrordesc_np(system_error);
	return TLS_FAILED;
}

/* What a return of OpenSSL's means. */
static int judge(struct tls_io *io, int rc, int error)
{
	int system_error = errno;
	io->wants_write = error == SSL_ERROR_WANT_WRITE;
	io->choosing = error == SSL_ERROR_WANT_X509_LOOKUP;
	io->cut_off = error == SSL_ERROR_ZERO_RETURN || error == SSL_ERROR_SYSCALL;
	if (rc <= 0 && (io->choosing || io->job.signing))
		rc = TLS_SIGNING;
	else if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ)
		rc = TLS_AGAIN;
	else if (error == SSL_ERROR_ZERO_RETURN)
		rc = 0;
	else if (rc <= 0)
		rc = fail(io, error, system_error);
	tls_errors_clear();
	errno = system_error;
	return rc;
}

/* Of one SSL_read OpenSSL makes as many as there are, one behind the other: it is told to hear no
 * more. */
static void on_message(
    int written, int version, int type, const void *p, size_t n, SSL *ssl, void *ctx)
{
	struct tls_io *io = ctx;
	(void)version;
	(void)p;
	(void)n;
	if (!written && type == SSL3_RT_HANDSHAKE && ++io->late > TLS_LATE_MAX)
		SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

static void begin_octets(struct tls_io *io)
{
	SSL_clear_mode(io->ssl, SSL_MODE_ASYNC);
	SSL_set_msg_callback_arg(io->ssl, io);
	SSL_set_msg_callback(io->ssl, on_message);
}

int tls_io_shake_hands(struct tls_io *io)
{
	int error;
	int rc = tls_job_shake_hands(&io->job, io->ssl, &error);
	rc = judge(io, rc, error);
	if (rc == 1)
		begin_octets(io);
	io->broken = io->broken || rc == 0;
	return rc == 0 ? TLS_FAILED : rc;
}

static int refuse(struct tls_io *io, const char *why)
{
	io->broken = true;
	io->why = why;
	errno = EPROTO;
	return TLS_FAILED;
}

static int at_most(size_t n)
{
	return n < INT32_MAX ? (int)n : INT32_MAX;
}

int tls_io_read(struct tls_io *io, void *to, size_t n)
{
	tls_errors_clear();
	errno = 0;
	int rc = SSL_read(io->ssl, to, at_most(n));
	rc = judge(io, rc, SSL_get_error(io->ssl, rc));
	if (io->late > TLS_LATE_MAX)
		return refuse(io, "new keys, or a new handshake, were asked for too often");
	return rc;
}

int tls_io_write(struct tls_io *io, const void *from, size_t n)
{
	tls_errors_clear();
	errno = 0;
	int rc = SSL_write(io->ssl, from, at_most(n));
	rc = judge(io, rc, SSL_get_error(io->ssl, rc));
	return rc == 0 ? TLS_FAILED : rc;
}

bool tls_io_has_more(const struct tls_io *io)
{
	return SSL_has_pending(io->ssl) == 1;
}

void tls_io_close(struct tls_io *io)
{
	if (!io->broken && SSL_is_init_finished(io->ssl))
		SSL_shutdown(io->ssl);
	tls_errors_clear();
	io->broken = true;
}

void tls_io_free(struct tls_io *io)
{
	tls_job_end(&io->job, io->ssl);
	SSL_free(io->ssl);
}
