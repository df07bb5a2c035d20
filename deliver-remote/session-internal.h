/* SPDX-License-Identifier: ISC
 *
 * Between the parts of a session: session.c (its life and its owner's calls), session-io.c (the
 * socket and TLS), session-deadline.c, session-fault.c (why it ended).
 */
#ifndef POSTERN_REMOTE_SESSION_INTERNAL_H
#define POSTERN_REMOTE_SESSION_INTERNAL_H

#include "deliver-remote/session.h"

/* When it has waited for long enough, milliseconds; UINT64_MAX: never. */
uint64_t session_due_at(const struct session *s);
/* The timer fires by then. */
void session_arm(struct session *s);
/* Looks whether the server made a step; only those put off a deadline. */
void session_note_step(struct session *s);

/* The first fault counts. */
void session_set_fault(struct session *s, enum link_fault fault, struct str reason);
/* From the core's failure, unless the fault is known already. */
void session_explain(struct session *s);

/* The core begins: with the connection, or after the handshake of implicit TLS. */
void session_start_client(struct session *s);
void session_begin_handshake(struct session *s);
/* Goes on with it as far as it can. */
void session_shake_hands(struct session *s);
/* keys has answered: a tls_job_fn. */
void session_on_signed(void *session);
void session_fail_tls(struct session *s, struct str why);
/* As much as the socket takes; as much as it has. */
void session_flush(struct session *s);
void session_receive(struct session *s);

#endif
