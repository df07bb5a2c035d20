/* SPDX-License-Identifier: ISC
 *
 * What the files of the client share.
 */
#ifndef POSTERN_DELIVER_REMOTE_CLIENT_INTERNAL_H
#define POSTERN_DELIVER_REMOTE_CLIENT_INTERNAL_H

#include "deliver-remote/client.h"

/* Bits of client.rcpt: how far a recipient is. */
enum client_rcpt {
	RCPT_CHOSEN = 1,   /* is to be asked for in this transaction */
	RCPT_ACCEPTED = 2, /* and the content's reply decides */
	RCPT_SETTLED = 4,  /* has its result */
};

/* client.c */
void client_await(struct client *c, enum client_phase phase);

/* client-failure.c */
/* What the reply that was just read means for those it decides about. */
struct client_result client_verdict(const struct client *c);
void client_settle(struct client *c, size_t recipient, const struct client_result *result);
/* All of the mail before have this result; there is none any more. */
void client_settle_before(struct client *c, const struct client_result *result);
/* Ends the session; the recipients that wait for a result get this one. */
void client_fail(struct client *c, struct client_result result);
void client_fail_by_reply(struct client *c, enum client_cause cause, enum delivery_outcome outcome);
void client_fail_in_words(struct client *c, enum client_cause cause, struct str status,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
void client_fail_malformed(struct client *c);

/* client-ehlo.c */
void client_hello(struct client *c);
void client_on_greeting(struct client *c);
void client_on_ehlo_line(struct client *c, struct str line);
void client_on_ehlo(struct client *c);
void client_on_starttls(struct client *c);

/* client-auth.c */
void client_auth(struct client *c);
void client_on_auth(struct client *c);

/* client-check.c: what can be said before the server is asked. False: all recipients are settled.
 */
bool client_check(struct client *c);
bool client_check_plan(struct client *c, enum outgoing_state state);

/* client-mail.c */
void client_begin(struct client *c);
void client_begin_ahead(struct client *c);
void client_on_rset(struct client *c);
void client_on_mail(struct client *c);
void client_on_rcpt(struct client *c);
void client_on_data(struct client *c);
void client_on_end(struct client *c);
/* A refusal came while content was sent. */
void client_on_early_refusal(struct client *c);

/* client-command.c: the one writer of what comes from outside into commands. */
bool client_can_write(struct str address);
void client_put_mail(struct client *c);
void client_put_rcpt(struct client *c, const struct client_recipient *r);

static inline bool client_has(const struct client *c, enum client_extension extension)
{
	return (c->peer.extensions & extension) != 0;
}
static inline bool client_is_lmtp(const struct client *c)
{
	return c->policy->protocol == NEXTHOP_LMTP;
}

#endif
