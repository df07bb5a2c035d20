/* SPDX-License-Identifier: ISC
 *
 * Logins by directory: a session's exchange, on directory-client.h's channel. When directory goes
 * away, or does not answer, the login fails for now. An answer that is to be held back, because a
 * password was wrong, waits here until so long after the question: how long it took to find out
 * cannot be seen.
 */
#ifndef POSTERN_SMTPD_AUTH_CLIENT_H
#define POSTERN_SMTPD_AUTH_CLIENT_H

#include "common/answers.h"
#include "common/msg-smtpd-directory.h"

#include <sys/queue.h>

enum { AUTH_TIMEOUT_MS = 30 * 1000 };

/* One exchange; embedded in who logs in. All zero: none. */
struct auth_query {
	TAILQ_ENTRY(auth_query) link;
	uint32_t cookie;	    /* 0: none */
	uint64_t asked_ms;	    /* 0: it is the client's turn */
	enum login_verdict verdict; /* while it is held back: until `answer` */
	struct event *answer;	    /* NULL: it is not over */
	uint64_t mark;		    /* of the last LOGIN_OK, for directory to know it by */
};

/* Called from the event loop. */
struct auth_client_events {
	void (*on_challenge)(struct auth_query *query, struct str message);
	/* The query was disarmed before. */
	void (*on_result)(struct auth_query *query, enum login_verdict verdict, struct str login,
	    struct str last);
};

void auth_client_init(const struct auth_client_events *events);
/* What directory lets us offer; 0 while it is away. */
unsigned auth_client_mechanisms(void);
/* `start` without its cookie. */
void auth_client_begin(struct auth_query *query, struct auth_start *start);
void auth_client_respond(struct auth_query *query, struct str message);
/* No more is wanted; nothing happens when there was no exchange. */
void auth_client_forget(struct auth_query *query);
/* For who is not answered in AUTH_TIMEOUT_MS, within a second or so. */
void auth_client_tick(uint64_t now_ms);

/* For directory-client.c: the channel, NULL when it is gone, and what comes by it. */
void auth_client_use(struct channel *channel);
bool auth_client_on_challenge(void *ctx, const struct msg_auth_challenge *m, int *fds);
bool auth_client_on_outcome(void *ctx, const struct msg_auth_outcome *m, int *fds);
bool auth_client_on_offer(void *ctx, const struct msg_auth_offer *m, int *fds);

#endif
