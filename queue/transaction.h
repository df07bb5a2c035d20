/* SPDX-License-Identifier: ISC
 *
 * One submission of an smtpd worker, from its first message under a cookie to
 * queue's answer: recipients that came ahead, the file of a large content, and,
 * once submitted, the message that the spool is making durable.
 */
#ifndef POSTERN_QUEUE_TRANSACTION_H
#define POSTERN_QUEUE_TRANSACTION_H

#include "common/envelope.h"

struct intake_peer;
struct submission;

enum transaction_state {
	TRANSACTION_NONE = 1,	    /* a cookie not heard of, or forgotten */
	TRANSACTION_COLLECTING = 2, /* recipients may have come */
	TRANSACTION_LARGE = 4,	    /* and the worker has a file to write to */
	TRANSACTION_SUBMITTED = 8,  /* the spool has it */
};

/* Why a submission is not taken. */
struct refusal {
	uint16_t code;
	const char *enhanced;
	const char *text;
};

struct transaction {
	uint32_t cookie;
	uint8_t state;
	const struct refusal *refusal; /* decided ahead of the submit, or NULL */
	struct intake_peer *peer;
	uint64_t id;		       /* TRANSACTION_LARGE: names the file */
	struct submission *submission; /* TRANSACTION_SUBMITTED */
	struct transaction *next;      /* that waits for the same submission */
	struct pool *pool;	       /* the recipients' strings; NULL: none yet */
	struct recipient *recipients;
	size_t count, cap;
};

struct transaction *transaction_new(struct intake_peer *peer, uint32_t cookie);
void transaction_free(struct transaction *t);
struct str transaction_key(const void *transaction);

/* Appends copies. False past RECIPIENTS_MAX; then the list is as before. */
bool transaction_add(struct transaction *t, const struct recipient *list, size_t count);
/* Octets that the recipients take. */
size_t transaction_octets(const struct transaction *t);

#endif
