/* SPDX-License-Identifier: ISC
 *
 * Between the parts of TLS: the provider's two files, tls-keys.c, tls-job.c, and of the server
 * tls-service.c, tls-stream*.c and tls-bio.c.
 */
#ifndef POSTERN_TLS_INTERNAL_H
#define POSTERN_TLS_INTERNAL_H

#include "common/tls-keys.h"
#include "common/tls-provider.h"
#include "common/tls-stream.h"

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* Before each call of OpenSSL that SSL_get_error(3) explains. Looking is cheap, clearing is not. */
static inline void tls_errors_clear(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* ---- provider ---- */
struct tls_remote_key {
	EVP_PKEY *public; /* of the default provider */
	uint32_t identity;
	bool is_rsa;
};

extern const OSSL_DISPATCH tls_provider_rsa[], tls_provider_ecdsa[];
size_t tls_provider_call(
    uint32_t identity, uint16_t scheme, struct str digest, uint8_t *out, size_t room);

/* ---- keys ---- */
struct tls_ticket_key {
	uint8_t name[TICKET_KEY_NAME_SIZE];
	uint8_t aes[TICKET_KEY_SIZE];
	uint8_t hmac[TICKET_KEY_SIZE];
};
/* NULL: there is none so old. 0 is the current one. */
const struct tls_ticket_key *tls_keys_ticket(enum tls_service_id service, size_t age);

/* The job wants no signature any more: what it waits for fails. */
void tls_keys_forget(const struct tls_job *job);

/* ---- service ---- */

/* A connection's SSL object of the service, in accept state; NULL: there is no certificate. */
SSL *tls_service_open(struct tls_service *service, struct tls_stream *stream);

/* ---- socket ---- */
struct tls_socket {
	int fd;
	bool more_follows; /* what is written may wait for it */
	bool shaking_hands;
	bool awaits_answer; /* to the handshake's last octets: reading can wait for the socket */
	bool ended;	    /* nothing more comes from it */
};
/* Reads and writes `s`, which outlives it. NULL: out of memory. */
BIO *tls_bio_new(struct tls_socket *s);

/* ---- stream ---- */
void tls_facts_take(SSL *ssl, struct tls_facts *facts);
void tls_facts_take_bindings(SSL *ssl, struct tls_facts *facts);
/* What tls-server-end-point binds to, of the certificate shown in this handshake; 0: nothing. */
size_t tls_facts_endpoint(SSL *ssl, uint8_t out[TLS_ENDPOINT_MAX]);

#endif
