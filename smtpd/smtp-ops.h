/* SPDX-License-Identifier: ISC
 *
 * What is around one SMTP session: the policy it follows, and what it asks of the world
 * (smtp-server.h).
 */
#ifndef POSTERN_SMTPD_SMTP_OPS_H
#define POSTERN_SMTPD_SMTP_OPS_H

#include "common/answers.h"
#include "common/msg-smtpd-directory.h"
#include "smtpd/reply.h"
#include "smtpd/transaction.h"

/* Limits and names, the same for many sessions. */
struct smtp_policy {
	struct str hostname;
	struct str postmaster; /* what <postmaster> without domain stands for */
	uint64_t message_max;
	unsigned recipients_max;
	unsigned bad_commands_max;
	unsigned commands_per_minute;
	unsigned messages_per_session;
	unsigned header_max;
	unsigned hops_max;
	unsigned login_failures_max;
	bool bare_newline_refuse;
	bool sender_owned;	/* who logged in may use addresses of their own only, in MAIL */
	bool header_from_owned; /* and in the header */
};

struct smtp_rcpt_answer {
	enum rcpt_verdict verdict;
	struct str text; /* for the reply when refused; may be empty */
	const struct target *targets;
	size_t target_count;
};

/* A reply of 4xx or 5xx, for the log. */
struct smtp_refusal {
	const char *verb;
	struct reply reply;
	struct str recipient; /* of RCPT, when it could be parsed */
};

/* Each is called with the `ctx` of smtp_server_init. */
struct smtp_ops {
	/* True: *answer is filled in (valid until the return of the function that led here). False:
	 * smtp_server_on_rcpt follows. */
	bool (*check_rcpt)(void *ctx, struct str address, struct smtp_rcpt_answer *answer);
	/* The same of a sender (`query` lives until then, or until abandon): smtp_server_on_sender
	 * follows. */
	bool (*check_sender)(
	    void *ctx, const struct smtp_sender_query *query, enum sender_verdict *verdict);
	/* STATUS_NONE, or why no mail is taken now. */
	enum smtp_status (*may_take)(void *ctx);
	/* Asks for a file; smtp_server_on_large_file follows. */
	void (*large_open)(void *ctx);
	/* Writes to the end of it: STATUS_NONE, or what to refuse the message with. */
	enum smtp_status (*large_write)(void *ctx, struct str octets);
	/* The complete message is s->txn; it stays as it is until smtp_server_on_stored or
	 * _refused. */
	void (*submit)(void *ctx);
	/* Mask of enum auth_mechanism that directory lets us offer. */
	unsigned (*mechanisms)(void *ctx);
	/* Each is followed by smtp_server_on_auth_challenge or _result. `initial` NULL: none. */
	void (*auth_begin)(void *ctx, unsigned mechanism, const struct str *initial);
	void (*auth_respond)(void *ctx, struct str message);
	/* The client gave up when it was its turn. */
	void (*auth_abort)(void *ctx);
	/* What was asked for, opened or submitted is not wanted any more. */
	void (*abandon)(void *ctx);
	void (*on_refusal)(void *ctx, const struct smtp_refusal *refusal);
	uint64_t (*now_ms)(void);  /* monotonic */
	uint64_t (*wall_ms)(void); /* since the epoch */
};

#endif
