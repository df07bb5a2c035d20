/* SPDX-License-Identifier: ISC
 *
 * One mail transaction (RFC 5321 §3.3), from MAIL to its end: all that a session
 * knows about it, in one object with one reset. When there is none it is all
 * zero and owns nothing.
 */
#ifndef POSTERN_SMTPD_TRANSACTION_H
#define POSTERN_SMTPD_TRANSACTION_H

#include "common/envelope.h"
#include "common/msg-smtpd-directory.h"
#include "smtpd/content.h"
#include "smtpd/reply.h"

enum {
	/* Addresses and recipient rows of one transaction; past it RCPT is answered 452. */
	TRANSACTION_POOL_MAX = 16 * 1024 * 1024,
	/* Content in memory: what may travel inline, and one piece more until it goes to a file. */
	TRANSACTION_BODY_MAX = 2 * INLINE_CONTENT_MAX + 4096,
};

/* A RCPT whose address is being looked up. */
struct rcpt {
	struct str address;  /* canonical: what directory is asked */
	struct str original; /* as given */
	struct str orcpt;
	uint8_t notify;
	bool is_postmaster; /* given without a domain: always ours (RFC 5321 §4.5.1) */
};

/* What directory is asked of a submission. */
struct smtp_sender_query {
	struct str login, client;
	uint32_t recipients; /* 0: only whether the address of MAIL is the user's */
	size_t count;
	struct sender_address addresses[SENDER_ADDRESSES_MAX];
};

struct transaction {
	struct pool *pool;
	struct envelope envelope;
	struct rcpt rcpt;
	struct recipient *recipients;
	size_t recipient_count;
	size_t recipient_room;
	struct hash *seen;   /* of final recipients; from the second one on */
	unsigned rcpt_count; /* RCPT commands accepted */
	struct str first_rcpt;
	uint64_t size_declared; /* SIZE= of MAIL */

	struct smtp_sender_query *sender_query; /* in the pool; NULL: nothing was asked */
	struct content content;
	struct buf body;	/* what is not in the large file yet */
	size_t trace;		/* octets of `body` before the header, while that is not whole */
	bool header_taken;	/* or it need not be */
	uint64_t written;	/* octets in the large file */
	uint64_t discarded;	/* octets read since `fault` was set */
	bool large;		/* there is a large file */
	bool submitted;		/* the answer is not here yet */
	enum smtp_status fault; /* why the content is refused at its end */
};

/* An empty one with a pool. */
void transaction_begin(struct transaction *t);
/* Frees everything; called on every exit from a transaction, also where there is none. */
void transaction_reset(struct transaction *t);
/* Adds a final recipient unless the same is there. False past RECIPIENTS_MAX or the pool. */
bool transaction_add(struct transaction *t, const struct recipient *recipient);
/* Forgets the recipients from number `count` on. */
void transaction_cut(struct transaction *t, size_t count);

#endif
