/* SPDX-License-Identifier: ISC
 *
 * The queue's log lines, in the shape that tools for Postfix's log read:
 *
 *   ID: client=unknown[192.0.2.1], session=..., sasl_username=..., tls=required (or optional)
 *   ID: from=<a@example.org>, size=4096, nrcpt=1 (queue active)
 *   ID: to=<b@example.net>, orig_to=<c@example.net>, relay=local, delay=0.1,
 *       delays=0.02/0.01/0/0.07, dsn=2.0.0, status=sent (delivered to mailbox)
 *   ID: removed
 */
#ifndef POSTERN_QUEUE_LOG_H
#define POSTERN_QUEUE_LOG_H

#include "queue/message.h"

/* What came of one recipient. */
struct queue_log_delivery {
	const char *relay;
	const char *status; /* sent, deferred, bounced */
	struct str dsn;
	struct str note;
	uint64_t started; /* the delivery, milliseconds since the epoch */
	uint64_t connect_ms, transmit_ms;
	uint64_t now;
};

/* Who brought it, and what is wanted of TLS (of `e` client, session, login and flags), in smtpd's
 * name, for that is where tools look for it: smtpd itself would write it after the lines that queue
 * writes of the same message. Then its size and sender. */
void queue_log_client(uint64_t id, const struct envelope *e);
void queue_log_accepted(const struct message *m);
void queue_log_delivery(
    const struct message *m, uint16_t number, const struct queue_log_delivery *delivery);
void queue_log_removed(const struct message *m);
void queue_log_expired(const struct message *m, uint16_t number);
/* What its sender was told of it, and by which message; 0: none. */
void queue_log_notice(uint64_t id, const char *what, uint64_t notice);
/* About a message by its id, as a warning. */
void queue_log_refused(uint64_t id, struct str session, struct str why);
void queue_log_problem(const struct message *m, const char *what, int error);
void queue_log_stalled(const struct message *m, const char *what, uint64_t ms);
void queue_log_unusable(uint64_t id, size_t recipients);

#endif
