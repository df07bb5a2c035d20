/* SPDX-License-Identifier: ISC
 *
 * A session's parts: its life (session.c), its socket (session-io.c), TLS on it
 * (session-tls.c), its deadlines (session-deadline.c) and what the SMTP server core asks of the
 * world (session-effects.c).
 */
#ifndef POSTERN_SMTPD_SESSION_INTERNAL_H
#define POSTERN_SMTPD_SESSION_INTERNAL_H

#include "smtpd/session.h"

#define SESSION_OF(pointer, field)                                                                 \
	((struct session *)(void *)((char *)(pointer)-offsetof(struct session, field)))

/* What the state of things asks for, after anything has happened. The session may be gone after
 * it. */
void session_settle(struct session *s);

/* --- session-io.c --- */

void session_io_setup(void);
/* The event loop and the buffers of a fresh session. */
void session_io_begin(struct session *s);
void session_io_end(struct session *s);
/* Where the core that runs now writes its replies to. */
struct buf *session_io_replies(void);
/* Sends what the core said. */
void session_io_flush(struct session *s);
/* The core has its answer, or the client has read: goes on with what is kept. The session may be
 * gone after it. */
void session_io_go_on(struct session *s);
/* A client that may still be sending gets the time to read our last words. */
void session_io_linger(struct session *s);

/* Watches the socket for what a TLS handshake needs: EV_READ, EV_WRITE or nothing of it. */
void session_io_await(struct session *s, short what);
/* The socket is the session's again. */
void session_io_resume(struct session *s);

/* --- session-tls.c --- */

/* The handshake begins. */
void session_tls_begin(struct session *s);
/* It goes on: there is input, or room. The session may be gone after it. */
void session_tls_go_on(struct session *s);
/* As recv and send on a socket that does not block, of the session's octets. */
ssize_t session_tls_recv(struct session *s, void *to, size_t n);
ssize_t session_tls_send(struct session *s, const void *from, size_t n, int flags);
void session_tls_end(struct session *s);

/* --- session-deadline.c --- */

void session_deadline_setup(void);
/* As its state asks. */
void session_deadline_set(struct session *s);

/* --- session-effects.c --- */

/* With a session as their context. */
extern const struct smtp_ops session_effects;
void session_effects_setup(void);

#endif
