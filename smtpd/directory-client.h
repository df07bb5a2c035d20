/* SPDX-License-Identifier: ISC
 *
 * Questions to directory. While directory is away they wait, and are asked again
 * on its fresh channel; what has no answer after DIRECTORY_TIMEOUT_MS is answered
 * RCPT_TEMPORARY, or SENDER_TEMPORARY.
 */
#ifndef POSTERN_SMTPD_DIRECTORY_CLIENT_H
#define POSTERN_SMTPD_DIRECTORY_CLIENT_H

#include "smtpd/smtp-server.h"

#include <sys/queue.h>

enum { DIRECTORY_TIMEOUT_MS = 30 * 1000 };

/* One question; embedded in who asks. All zero: none. */
struct directory_query {
	TAILQ_ENTRY(directory_query) link;
	uint32_t cookie; /* 0: none */
	/* Who is this recipient, or whether this sender may; what they point to lives until the
	 * answer or directory_client_forget. */
	struct str address;
	const struct smtp_sender_query *sender; /* NULL: a recipient */
	uint64_t mark;				/* of the sender's login */
	uint64_t until_ms;
};

typedef void directory_answer_fn(
    struct directory_query *query, const struct smtp_rcpt_answer *answer);

typedef void directory_sender_fn(struct directory_query *query, enum sender_verdict verdict);

/* `answer` and `sender` are called from the event loop, after the query was disarmed. */
void directory_client_init(directory_answer_fn *answer, directory_sender_fn *sender);
/* A fresh channel to directory; takes fd. */
void directory_client_connect(int fd);
/* True: *answer is known already (valid until the next call of anything here). */
bool directory_client_ask(
    struct directory_query *query, struct str address, struct smtp_rcpt_answer *answer);
/* The same of a sender, who logged in with the `mark` of auth_outcome: never known already, true
 * only when it cannot be asked. */
bool directory_client_ask_sender(struct directory_query *query,
    const struct smtp_sender_query *sender, uint64_t mark, enum sender_verdict *verdict);
/* The answer is not wanted any more; nothing happens when there was no question. */
void directory_client_forget(struct directory_query *query);
/* To be called about once a second. */
void directory_client_tick(uint64_t now_ms);
void directory_client_free(void);

#endif
