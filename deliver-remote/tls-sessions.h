/* SPDX-License-Identifier: ISC
 *
 * Sessions of TLS that servers offered to resume: a bounded number, each for at most an hour since
 * the handshake in which the server proved its certificate's key. What is one server's session is
 * told by a key that its user makes (tls-resume.c).
 */
#ifndef POSTERN_REMOTE_TLS_SESSIONS_H
#define POSTERN_REMOTE_TLS_SESSIONS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TLS_SESSIONS_MAX = 256,
	TLS_SESSIONS_OF_ONE_MAX = 8, /* connections at the same time that can be resumed */
	TLS_SESSION_MS = 3600 * 1000,
	/* What takes more is not kept. */
	TLS_SESSION_TICKET_MAX = 4 * 1024,
	TLS_SESSION_CHAIN_MAX = 16 * 1024,
};

struct tls_session_key {
	uint8_t sha256[32];
};

/* Keeps it until then, or shorter when the server said so; takes the reference. The oldest one
 * makes room. Of TLS 1.2 the newest one is enough. */
void tls_sessions_put(
    const struct tls_session_key *key, SSL_SESSION *session, uint64_t until_ms, uint64_t now_ms);
/* The newest, the caller's; NULL: none. One of TLS 1.3 is gone from here then (RFC 8446 §C.4).
 * `until_ms`: what comes of this one may not be kept longer. */
SSL_SESSION *tls_sessions_take(
    const struct tls_session_key *key, uint64_t now_ms, uint64_t *until_ms);
/* All of that key; all. */
void tls_sessions_drop(const struct tls_session_key *key);
void tls_sessions_clear(void);
size_t tls_sessions_count(void);

#endif
