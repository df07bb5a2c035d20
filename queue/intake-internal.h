/* SPDX-License-Identifier: ISC
 *
 * Shared by intake.c (the protocol) and submission.c (what the spool has).
 */
#ifndef POSTERN_QUEUE_INTAKE_INTERNAL_H
#define POSTERN_QUEUE_INTAKE_INTERNAL_H

#include "common/msg-smtpd-queue.h"
#include "queue/intake.h"
#include "queue/transaction.h"

struct intake_peer {
	struct intake *in;
	unsigned instance;
	struct channel *channel;
	struct hash *transactions;
	size_t octets;
};

/* A message between spool_submit and its callback. */
struct submission {
	uint64_t id;
	uint64_t token;
	struct message *message;
	struct content *content;     /* NULL: large */
	struct intake_peer *charged; /* whose octets it counts as; NULL: that worker is gone */
	size_t octets;
	struct transaction *waiters; /* none: to be rolled back */
	struct submission *next, *previous;
	size_t session_size, client_size, login_size;
	uint16_t flags; /* enum envelope_flags */
	char login[LOGIN_MAX];
	char session[SESSION_ID_MAX], client[CLIENT_ADDRESS_MAX];
};

const struct refusal *refusal_for(int error);

/* Ends the transaction with this answer. */
void intake_refuse(struct transaction *t, const struct refusal *why);
bool intake_answer_committed(struct transaction *t, uint64_t id);
/* Forgets the cookie; does not touch files or submissions. */
void intake_end(struct transaction *t);

/* A message complete in memory. */
struct incoming {
	struct envelope envelope;
	const struct recipient *recipients;
	size_t count;
	uint64_t id; /* 0: not yet given one */
	struct str content;
	bool large;
	uint64_t size;
};

/* Hands it to the spool; the transaction waits for the callback. */
void submission_begin(struct transaction *t, const struct incoming *incoming);
/* The transaction waits no more. */
void submission_leave(struct transaction *t);
/* The repeated submission's first one: answers at once or waits with it; false when unknown. */
bool submission_join(struct transaction *t, uint64_t token);

#endif
