/* SPDX-License-Identifier: ISC
 *
 * What goes into the client core (client.h) and what comes out: a mail for some recipients of
 * one server, and what became of each of them, or of the session.
 */
#ifndef POSTERN_DELIVER_REMOTE_CLIENT_MAIL_H
#define POSTERN_DELIVER_REMOTE_CLIENT_MAIL_H

#include "common/answers.h"
#include "common/envelope.h"
#include "common/limits.h"

enum { CLIENT_RECIPIENTS_MAX = RECIPIENTS_PER_PACKET };

struct client_recipient {
	struct str address; /* canonical */
	struct str orcpt;   /* decoded "type;address"; empty: none */
	unsigned notify;    /* mask of enum notify; 0: not given */
};

/* What it points to stays until the last on_result. */
struct client_mail {
	struct str reverse_path; /* canonical; empty: <> */
	struct str envid;	 /* decoded */
	unsigned flags;		 /* mask of enum envelope_flags */
	unsigned ret;		 /* enum ret */
	uint64_t size;		 /* of the content, for ops->read; 0 is allowed */
	const struct client_recipient *recipients;
	size_t recipient_count; /* 1 to CLIENT_RECIPIENTS_MAX */
};

enum client_cause {
	CLIENT_NO_FAILURE,
	CLIENT_REFUSED,	      /* by a reply, see `reply` and `command` */
	CLIENT_SHUTTING_DOWN, /* 421, at any time */
	CLIENT_LOST,	      /* the connection */
	CLIENT_TIMED_OUT,
	CLIENT_MALFORMED,    /* no SMTP, or out of step; what was said is not believed */
	CLIENT_INJECTED,     /* octets in clear behind the 220 of STARTTLS */
	CLIENT_TLS_MISSING,  /* demanded, but not offered or refused */
	CLIENT_AUTH_MISSING, /* we have a login, it has no AUTH that we may use */
	CLIENT_UNSENDABLE,   /* the mail cannot be given to this server: size, 8 bits, UTF-8 */
	CLIENT_OWN_FAULT,    /* the content cannot be read, or we end */
	CLIENT_OVER_LIMIT,   /* more recipients or domains than one transaction takes here */
};

/* Of a recipient, or of the session. Texts are valid during the call, or as long as the client. */
struct client_result {
	enum delivery_outcome outcome; /* DELIVERY_TAKEN, _DEFERRED, _FAILED */
	enum client_cause cause;       /* CLIENT_NO_FAILURE: taken */
	struct str status;	       /* enhanced status code, ours where the server gave none */
	struct str reply;    /* "550 5.1.1 no such user", printable ASCII, one line, at most
				REMOTE_TEXT_MAX; empty when it is not the server's word */
	const char *command; /* that it answered or that was under way: "RCPT TO", "connection" */
	struct str text;     /* in words when `reply` is empty: "lost the connection after DATA" */
	bool next_host;	     /* another host of the destination may be asked at once; of a failure:
				this one cannot be what REQUIRETLS wants, another may */
	bool again;	     /* in a further transaction of this session, at once */
	bool maybe_taken;    /* the content was sent whole; it may have been taken nevertheless */
	bool dsn_passed;     /* taken, and the server has DSN (RFC 3461) */
};

#endif
