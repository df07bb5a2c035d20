/* SPDX-License-Identifier: ISC
 *
 * Between the parts of TLS with one server: tls.c (its life, the handshake, octets), tls-expect.c
 * (what is demanded), tls-certificate.c (what we show), tls-alert.c (what the server says
 * against it), tls-resume.c (sessions that go on).
 */
#ifndef POSTERN_REMOTE_TLS_INTERNAL_H
#define POSTERN_REMOTE_TLS_INTERNAL_H

#include "common/tls-io.h"
#include "deliver-remote/tls-sessions.h"
#include "deliver-remote/tls.h"

#include <openssl/ssl.h>
#include <sys/queue.h>

struct tls {
	struct tls_io io;
	enum tls_demand demand;
	enum remote_tls level;
	const struct hop_fingerprint *fingerprints;
	size_t fingerprint_count;
	char certificate[DOMAIN_MAX + 1]; /* its name; empty: we show none */
	bool missing;			  /* there is none of that name */
	bool asked;			  /* for it, by the server */
	bool shown;
	bool heard;   /* an octet of the server's, who is content with the handshake then */
	bool waiting; /* for what keys will say there is */
	TAILQ_ENTRY(tls) link; /* of those who do */
	bool may_resume;       /* `session_key` is set */
	bool offered;	       /* a session, whose certificate is as demanded */
	bool accepted;	       /* the handshake is over, and as demanded */
	struct tls_session_key session_key;
	uint64_t session_until_ms; /* of the session that was offered */
	uint64_t until_ms;	   /* of those that come of this connection */
};

/* ---- what is demanded ---- */
bool tls_decides(enum tls_demand demand); /* the certificate's verification does */
/* Puts it to OpenSSL, SNI included; may lower t->demand. */
bool tls_expect_all(struct tls *t, const struct tls_expect *e);
/* Of the certificate, or of its public key. */
bool tls_has_fingerprint(const struct tls *t, X509 *certificate);

/* ---- what we show ---- */
void tls_certificate_setup(SSL_CTX *context);
/* The handshake waits until keys has said what there is. */
void tls_certificate_await(struct tls *t);
void tls_certificate_forget(struct tls *t);

/* ---- resuming ---- */
void tls_resume_configure(SSL_CTX *context);
/* Which sessions may serve; after tls_expect_all. */
void tls_resume_setup(struct tls *t, const struct tls_expect *e);
void tls_resume_offer(struct tls *t);
void tls_resume_accepted(struct tls *t);
/* None of that kind is offered again. */
void tls_resume_failed(struct tls *t);

#endif
