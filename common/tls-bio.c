/* SPDX-License-Identifier: ISC
 *
 * The socket below a TLS stream, as OpenSSL wants it (BIO_meth_new(3)). Unlike OpenSSL's own it
 * can let octets wait in the kernel for those that follow.
 */
#include "common/log.h"
#include "common/tls-internal.h"

#include <errno.h>
#include <openssl/bio.h>
#include <sys/socket.h>
#include <sysexits.h>

static bool is_wait(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int put(BIO *bio, const char *octets, int n)
{
	struct tls_socket *s = BIO_get_data(bio);
	s->awaits_answer = s->shaking_hands;
	ssize_t done =
	    send(s->fd, octets, (size_t)n, MSG_NOSIGNAL | (s->more_follows ? MSG_MORE : 0));
	BIO_clear_retry_flags(bio);
	if (done < 0 && is_wait())
		BIO_set_retry_write(bio);
	return (int)done;
}

static int get(BIO *bio, char *to, int n)
{
	struct tls_socket *s = BIO_get_data(bio);
	if (s->awaits_answer) {
		s->awaits_answer = false;
		BIO_set_retry_read(bio);
		errno = EAGAIN;
		return -1;
	}
	ssize_t done = recv(s->fd, to, (size_t)n, 0);
	BIO_clear_retry_flags(bio);
	if (done < 0 && is_wait())
		BIO_set_retry_read(bio);
	s->ended = done == 0;
	return (int)done;
}

static long control(BIO *bio, int what, long n, void *p)
{
	const struct tls_socket *s = BIO_get_data(bio);
	(void)n;
	(void)p;
	if (what == BIO_CTRL_EOF)
		return s->ended;
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	if (m == NULL || BIO_meth_set_write(m, put) != 1 || BIO_meth_set_read(m, get) != 1 ||
	    BIO_meth_set_ctrl(m, control) != 1)
		log_fatal(EX_SOFTWARE, "OpenSSL cannot be set up");
	return m;
}

BIO *tls_bio_new(struct tls_socket *s)
{
	static BIO_METHOD *method; /* for the life of the process */
	if (method == NULL)
		method = make_method();
	BIO *bio = BIO_new(method);
	if (bio != NULL) {
		BIO_set_data(bio, s);
		BIO_set_init(bio, 1);
	}
	return bio;
}
