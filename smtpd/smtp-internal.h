/* SPDX-License-Identifier: ISC
 *
 * What the parts of the SMTP server (smtp-server.c, smtp-content.c, verb-*.c) call
 * of each other.
 */
#ifndef POSTERN_SMTPD_SMTP_INTERNAL_H
#define POSTERN_SMTPD_SMTP_INTERNAL_H

#include "smtpd/smtp-server.h"

/* smtp-server.c */
void smtp_set_state(struct smtp_server *s, enum smtp_state state);
/* Input stops; `resume` is what it goes on with. */
void smtp_wait(struct smtp_server *s, enum smtp_wait wait, enum smtp_phase resume);
/* The one way out of a transaction: to SMTP_READY, or stays SMTP_CONNECTED. */
void smtp_transaction_over(struct smtp_server *s);
/* Replies to s->verb and draws the conclusions: statistics, limits, end of session. */
void smtp_conclude(struct smtp_server *s, enum smtp_status status);
void smtp_conclude_reply(struct smtp_server *s, const struct reply *reply);

/* Takes the CR off a line that ends before its LF (RFC 5321 §2.3.8); STATUS_NONE, or what is wrong
 * with it. */
enum smtp_status smtp_take_cr(const struct smtp_server *s, struct str *line);
/* The rest of a line that is too long. */
void smtp_discard_line(struct smtp_server *s);

/* smtp-content.c */
void smtp_content_begin(struct smtp_server *s, bool dots);
size_t smtp_feed_data(struct smtp_server *s, struct str in);
size_t smtp_feed_chunk(struct smtp_server *s, struct str in);
size_t smtp_feed_refused_chunk(struct smtp_server *s, struct str in);
/* All octets of the chunk were consumed. */
void smtp_chunk_done(struct smtp_server *s);

/* verb-mail.c: the reverse-path was looked at. */
enum smtp_status smtp_mail_decide(struct smtp_server *s, enum smtp_status status);

/* verb-rcpt.c */
enum smtp_status smtp_rcpt_decide(struct smtp_server *s, const struct smtp_rcpt_answer *answer);

/* verb-auth.c */
/* What may be offered here and now; 0: no AUTH. */
unsigned smtp_auth_mechanisms(const struct smtp_server *s);
size_t smtp_feed_auth(struct smtp_server *s, struct str in);

/* received.c: the trace field in front of the content. False past the buffer's ceiling. */
bool smtp_put_received(const struct smtp_server *s, struct buf *out, uint64_t wall_ms);

/* The handlers of verb.c's rows. */
verb_fn verb_auth, verb_ehlo, verb_helo, verb_mail, verb_rcpt, verb_data, verb_bdat, verb_rset,
    verb_noop, verb_vrfy, verb_help, verb_quit, verb_starttls;

#endif
