/* SPDX-License-Identifier: ISC
 *
 * The server side of one SMTP session, without I/O: octets in, octets of replies
 * appended to `out`, effects through `ops`. The caller owns the socket, the
 * deadlines and the log.
 *
 * Where an effect needs an answer (who is this recipient, is the message stored),
 * the server waits: it consumes nothing until the caller gives the answer with
 * one of the smtp_server_on_... functions. Pipelined input stays with the caller.
 *
 * What it answers and does is the same however the input is cut into pieces.
 */
#ifndef POSTERN_SMTPD_SMTP_SERVER_H
#define POSTERN_SMTPD_SMTP_SERVER_H

#include "common/answers.h"
#include "common/auth.h"
#include "common/msg-smtpd-directory.h"
#include "common/tls-facts.h"
#include "smtpd/smtp-ops.h"
#include "smtpd/transaction.h"
#include "smtpd/verb.h"

enum {
	/* RFC 5321 §4.5.3.1.4 has 512; MAIL and RCPT with every extension's parameters need more.
	 */
	COMMAND_LINE_MAX = 2048,
	/* RFC 4954 §4: AUTH with its initial response, and the other responses. */
	AUTH_LINE_MAX = 12288,
	/* Of a line without end this much is thrown away, then the session ends. */
	COMMAND_DISCARD_MAX = 64 * 1024,
	/* Refused content is read to its end up to this much past the limit on messages. */
	CONTENT_DISCARD_MAX = 16 * 1024 * 1024,
	/* Recipients refused in one session, unless of our own networks. */
	REFUSED_RCPTS_MAX = 100,
	/* No more input is taken while this much waits in `out`. */
	REPLIES_MAX = 8 * 1024,
};

enum smtp_state {
	SMTP_CONNECTED = 1, /* no EHLO or HELO yet */
	SMTP_READY = 2,
	SMTP_MAIL = 4,	  /* MAIL was accepted */
	SMTP_RCPT = 8,	  /* and a RCPT */
	SMTP_CHUNKS = 16, /* and a BDAT that was not the LAST */
	SMTP_ANY = 31,
};

/* What the next octets of input are. */
enum smtp_phase {
	PHASE_COMMAND,
	PHASE_AUTH, /* a response to a challenge */
	PHASE_OVERLONG, /* the rest of a command line that is too long */
	PHASE_DATA,
	PHASE_CHUNK,
	PHASE_REFUSED_CHUNK, /* the octets of a BDAT that was refused */
	PHASE_WAIT,
	PHASE_TLS, /* the caller's handshake; no octet of it is for us */
	PHASE_CLOSED,
};

/* Whether TLS can be had on this connection. */
enum smtp_tls {
	SMTP_TLS_NO,
	SMTP_TLS_AWAY, /* it is meant to be, but there is no certificate now */
	SMTP_TLS_OFFERED,
};

enum smtp_wait { WAIT_NOTHING, WAIT_RCPT, WAIT_SENDER, WAIT_LARGE_FILE, WAIT_STORED, WAIT_AUTH };

/* Logins of a session. */
struct smtp_auth {
	/* Set by the caller, after smtp_server_init. */
	bool offered;
	bool required; /* for MAIL */
	bool in_clear; /* without TLS, too */

	bool begun; /* directory has the exchange */
	bool last;  /* the client is to acknowledge the mechanism's last word */
	unsigned mechanism; /* under way, or the one that `login` came by */
	unsigned failures;
};

struct smtp_counts {
	uint16_t ok;
	uint16_t all;
};

/* Fields are to be read by others, changed by smtp-*.c and verb-*.c only. */
struct smtp_server {
	const struct smtp_policy *policy;
	const struct smtp_ops *ops;
	void *ctx;
	struct buf *out;
	struct str client; /* "[192.0.2.1]", "[IPv6:2001:db8::1]", "local uid 1000" */
	struct str id;	   /* of the session */
	bool own_network;  /* may relay; fewer limits */
	bool may_relay;	   /* for another reason */
	bool submission;   /* came by a listener for submission (RFC 6409) */
	enum smtp_tls tls_offer;
	bool tls_required;	     /* no mail without it */
	bool followed;		     /* the line under way: there is input behind it */
	const struct tls_facts *tls; /* NULL: in clear */
	bool esmtp;		     /* EHLO, not HELO */
	bool ended;		     /* the content's end was seen while waiting */
	bool chunk_last;
	enum smtp_state state;
	enum smtp_phase phase;
	enum smtp_phase resume; /* behind PHASE_WAIT */
	enum smtp_wait wait;
	enum smtp_status chunk_status; /* PHASE_REFUSED_CHUNK */
	const struct verb *verb;       /* the command under way or the last one; may be NULL */
	char *helo;		       /* on the heap, NULL before EHLO or HELO */
	char *login;		       /* on the heap: who logged in, canonical; NULL: nobody */
	struct smtp_auth auth;
	uint64_t left;		       /* of the chunk, or of what may be discarded */
	uint64_t rate_start;
	unsigned rate_count;
	unsigned bad_commands;
	unsigned refused_rcpts;
	unsigned mails;	   /* MAIL commands */
	unsigned messages; /* stored */
	unsigned unknown;  /* commands */
	struct smtp_counts counts[VERBS_LISTED_MAX];
	struct transaction txn;
};

/* `policy`, `ops`, `out`, and what `client` and `id` point to, live as long as the server. */
void smtp_server_init(struct smtp_server *s, const struct smtp_policy *policy,
    const struct smtp_ops *ops, void *ctx, struct buf *out);
/* Also in the middle of everything; calls ops->abandon when something is under way. */
void smtp_server_free(struct smtp_server *s);
/* The 220. */
void smtp_server_greet(struct smtp_server *s);
/* Nothing is said before TLS (RFC 8314); then smtp_server_on_tls and smtp_server_greet. */
void smtp_server_expect_tls(struct smtp_server *s);
/* The handshake is over: everything that was said before is forgotten (RFC 3207 §4.2). `facts` live
 * as long as the server. */
void smtp_server_on_tls(struct smtp_server *s, const struct tls_facts *facts);
/* Consumes what it can of `in`, from its start, and returns how much that is. It may have to be
 * called again with the rest: after an answer, when `out` has been emptied, or with more input. */
size_t smtp_server_feed(struct smtp_server *s, struct str in);
/* Replies and ends the session, whatever it is at; the caller closes the connection. */
void smtp_server_end(struct smtp_server *s, enum smtp_status status);

void smtp_server_on_rcpt(struct smtp_server *s, const struct smtp_rcpt_answer *answer);
void smtp_server_on_sender(struct smtp_server *s, enum sender_verdict verdict);
/* The next line is the client's response. */
void smtp_server_on_auth_challenge(struct smtp_server *s, struct str message);
/* `login` and the mechanism's `last` word (may be empty): of LOGIN_OK. */
void smtp_server_on_auth_result(
    struct smtp_server *s, enum login_verdict verdict, struct str login, struct str last);
/* STATUS_NONE, or why there is none. */
void smtp_server_on_large_file(struct smtp_server *s, enum smtp_status status);
/* `id` is the queue id in text. */
void smtp_server_on_stored(struct smtp_server *s, struct str id);
/* A reply that is none (reply_is_valid) becomes STATUS_LOCAL_ERROR. */
void smtp_server_on_not_stored(struct smtp_server *s, const struct reply *reply);

static inline bool smtp_server_is_closed(const struct smtp_server *s)
{
	return s->phase == PHASE_CLOSED;
}
static inline bool smtp_server_is_waiting(const struct smtp_server *s)
{
	return s->phase == PHASE_WAIT;
}
/* Content is coming. */
static inline bool smtp_server_in_content(const struct smtp_server *s)
{
	return s->phase == PHASE_DATA || s->phase == PHASE_CHUNK;
}
/* "SMTP", "ESMTP" or "UTF8SMTP", the latter with "S" for TLS, "A" for a login: RFC 5321 §4.4, RFC
 * 3848, RFC 6531 §4.3. */
const char *smtp_server_protocol(const struct smtp_server *s);

#endif
