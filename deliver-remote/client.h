/* SPDX-License-Identifier: ISC
 *
 * The client side of one SMTP (RFC 5321) or LMTP (RFC 2033) session, without I/O:
 * octets of replies in, octets of commands and content appended to `out`. The
 * caller owns the socket, TLS and the deadlines.
 *
 *   client_init               connected (with implicit TLS: the handshake is done)
 *   client_feed               whatever came; then look at client_need
 *   client_on_tls             after the handshake that CLIENT_TLS asks for
 *   client_send               at CLIENT_READY: a mail
 *   client_send_ahead         while the verdict on a mail is waited for: the next one
 *   client_pull               at CLIENT_PULL, when `out` has room: more content
 *   client_quit               at CLIENT_READY
 *   client_on_closed, _on_timeout, _on_own_fault   what the caller has seen
 *
 * After each of these `out` may hold something to be sent. For every recipient of
 * a mail ops->on_result is called exactly once before client_need says READY or
 * OVER again; of a mail that went ahead, before those of the next one. What it answers
 * and does is the same however the input is cut into pieces, except that a reply to a
 * command that was not yet sent ends the session.
 */
#ifndef POSTERN_DELIVER_REMOTE_CLIENT_H
#define POSTERN_DELIVER_REMOTE_CLIENT_H

#include "common/scram.h"
#include "common/answers.h"
#include "common/buf.h"
#include "common/envelope.h"
#include "common/nexthop.h"
#include "deliver-remote/client-mail.h"
#include "deliver-remote/client-peer.h"
#include "deliver-remote/outgoing.h"
#include "deliver-remote/reply.h"

enum {
	/* The ceiling that `out` must have at least: the commands of a mail, or a piece. */
	CLIENT_OUT_MAX = 1024 * 1024,
	/* What client_pull appends at most (three times as much when it is encoded anew). */
	CLIENT_PIECE = 64 * 1024,
	/* Call client_pull again while less than this waits in `out`. */
	CLIENT_OUT_LOW = 64 * 1024,
	CLIENT_TEXT_MAX = 256,
};

enum client_tls_need {
	CLIENT_TLS_NONE,
	CLIENT_TLS_MAY,	 /* STARTTLS when offered; when refused, in clear */
	CLIENT_TLS_MUST, /* nothing but EHLO and STARTTLS is ever said in clear */
};

/* Lives as long as the session. */
struct client_policy {
	enum nexthop_protocol protocol;
	struct str helo; /* a domain or an address literal */
	enum client_tls_need tls;
	bool implicit_tls; /* encrypted from the first octet on */
	struct str login;  /* empty: no AUTH. With a login: no AUTH, no mail */
	struct str password;
	/* Small content goes with the commands, by BDAT where the server has PIPELINING and
	 * CHUNKING. It saves a round trip, but trusts the server to skip the content of a BDAT that
	 * it refuses (RFC 3030 §2): one that reads it as commands lets a sender say what it likes
	 * in our name.
	 */
	bool eager_content;
	bool login_in_clear; /* allowed also without TLS: a loopback peer, and the operator wants it
			      */
};

/* Each is called with the `ctx` of client_init; none may call the client. */
struct client_ops {
	/* n octets (not 0) of the mail's content from `offset` on; false: they cannot be read. */
	bool (*read)(void *ctx, uint64_t offset, uint8_t *to, size_t n);
	/* `mail` is the pointer that client_send or client_send_ahead was given. */
	void (*on_result)(void *ctx, const struct client_mail *mail, size_t recipient,
	    const struct client_result *result);
};

/* What the client waits for. */
enum client_need {
	CLIENT_REPLY, /* octets from the server */
	CLIENT_TLS,   /* the caller to make a TLS handshake, then to call client_on_tls */
	CLIENT_READY, /* client_send or client_quit; octets only when the server ends the session */
	CLIENT_PULL,  /* client_pull (octets may come meanwhile) */
	CLIENT_OVER,  /* send what is in `out` (at most a QUIT), close; client_failure says why */
};

/* Fields are to be read by others, changed by client*.c only. */
struct client {
	const struct client_policy *policy;
	const struct client_ops *ops;
	void *ctx;
	struct buf *out;
	enum client_phase phase; /* of the reply that is waited for */
	bool encrypted;
	bool verified;	/* and we know with whom (RFC 8689 §4.2.1) */
	bool helo;	/* HELO instead of EHLO */
	bool handshake; /* STARTTLS was answered with 220 */
	bool early;	/* octets came before the command they might answer */
	bool quitting;
	struct client_peer peer;
	char greeter[DOMAIN_MAX + 1]; /* what the server calls itself in its greeting; may be empty */
	struct reply_parser reply;
	unsigned outstanding; /* replies to commands that are in `out` or were */
	unsigned auth_step;
	struct scram_client scram;
	unsigned mails; /* MAIL commands of this session */
	bool must_reset;

	/* The mail under way. */
	const struct client_mail *mail;	     /* NULL between mails */
	uint8_t rcpt[CLIENT_RECIPIENTS_MAX]; /* masks of enum client_rcpt in client-internal.h */
	size_t rcpt_sent;		     /* whose command comes next */
	size_t rcpt_next;		     /* whose reply comes next */
	size_t accepted;		     /* RCPTs, not answered for the content yet */
	size_t pending;			     /* recipients without a result */
	bool data_sent, chunk, utf8, eight_bit;
	bool planning; /* content is looked through for its conversion */
	bool sending;  /* content is to be pulled */
	bool sent_all; /* the end of the content is in `out` */
	struct outgoing content;

	/* The mail before it, when `mail` went ahead: its content went out whole, and the phase is
	 * CLIENT_PHASE_END until its verdict comes. Then `mail` NULL: it was withdrawn. */
	struct {
		const struct client_mail *mail; /* NULL: none */
		uint8_t rcpt[CLIENT_RECIPIENTS_MAX];
		size_t accepted;
		bool chunk;
	} before;
	bool after_refusal; /* that verdict was bad, and MAIL is not answered yet */

	struct client_result failure;
	char failure_reply[REMOTE_TEXT_MAX + 1];
	char failure_text[CLIENT_TEXT_MAX];
	char failure_status[ENHANCED_CODE_MAX + 1];
};

/* `policy`, `ops` and `out` (ceiling: at least CLIENT_OUT_MAX) live as long as the client. */
void client_init(struct client *c, const struct client_policy *policy, const struct client_ops *ops,
    void *ctx, struct buf *out);
/* Also in the middle of everything; calls nothing. */
void client_free(struct client *c);

/* All of `in` is consumed. */
void client_feed(struct client *c, struct str in);
/* The handshake has succeeded and satisfies the caller's policy. What the server said in clear is
 * forgotten. When it fails: client_on_own_fault or client_on_closed, a new connection. */
void client_on_tls(struct client *c);
/* The other end is who it should be: by DANE, or by what the operator demands. */
void client_on_verified(struct client *c);
/* Only at CLIENT_READY. `mail` and its content stay until the last result. */
void client_send(struct client *c, const struct client_mail *mail);
/* The verdict on the mail under way is all that is waited for, `out` is empty, and the server lets
 * the next mail's commands follow the final dot (RFC 2920 §3.1). */
bool client_may_send_ahead(const struct client *c);
/* Only then; as client_send. False: nothing was sent, for the server need not be asked; all its
 * recipients have their results, and it waits for the verdict as before. */
bool client_send_ahead(struct client *c, const struct client_mail *mail);
/* A mail went ahead, and its verdict still waits for that of the one before. */
bool client_is_ahead(const struct client *c);
/* Only then: the mail that went ahead gets no results (any more), and none of its content is sent.
 * The verdict on the one before ends the session. */
void client_withdraw(struct client *c);
/* Only at CLIENT_PULL. A bounded amount of work; may append nothing and want to be called again. */
void client_pull(struct client *c);
/* Only at CLIENT_READY. */
void client_quit(struct client *c);

/* The connection is gone; `why` ("connection reset by peer") may be empty. */
void client_on_closed(struct client *c, struct str why);
void client_on_timeout(struct client *c);
/* Ends whatever it is at, for a reason of ours; `status` is "4.3.0" or the like. */
void client_on_own_fault(struct client *c, struct str status, struct str text);

enum client_need client_need(const struct client *c);
static inline enum client_phase client_phase(const struct client *c)
{
	return c->phase;
}
/* "EHLO", "RCPT TO", "end of DATA": for log lines. */
const char *client_phase_command(const struct client *c);
/* At CLIENT_OVER; cause CLIENT_NO_FAILURE after client_quit. */
const struct client_result *client_failure(const struct client *c);
/* At CLIENT_READY: the server allows one more mail in this session (RFC 9422 MAILMAX). */
bool client_may_send(const struct client *c);

#endif
