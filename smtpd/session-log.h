/* SPDX-License-Identifier: ISC
 *
 * What the log says about a session, in the words that tools for Postfix's log
 * know: connect, disconnect, client=, NOQUEUE: reject, lost connection, timeout. Each ends in
 * session=ID, as in the line of client= that queue writes of a message.
 */
#ifndef POSTERN_SMTPD_SESSION_LOG_H
#define POSTERN_SMTPD_SESSION_LOG_H

#include "smtpd/session.h"

void session_log_connect(const struct session *s);
/* With how many of each command succeeded (of how many). */
void session_log_disconnect(const struct session *s);
/* "WHAT after VERB from CLIENT" */
void session_log_event(const struct session *s, const char *what);
void session_log_refusal(const struct session *s, const struct smtp_refusal *refusal);
/* The handshake is over, or failed. */
void session_log_tls(const struct session *s);
void session_log_tls_failure(const struct session *s, const char *why);
/* A client that was not let in. */
void session_log_turned_away(struct str client, enum smtp_status status);

#endif
