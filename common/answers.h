/* SPDX-License-Identifier: ISC
 *
 * The small enumerations that travel in messages.
 */
#ifndef POSTERN_ANSWERS_H
#define POSTERN_ANSWERS_H

/* directory's word on an address. */
enum rcpt_verdict {
	RCPT_LOCAL = 1,	    /* exists here; the targets are where it goes */
	RCPT_NO_MAILBOX = 2, /* our domain, no such address: 550 5.1.1 */
	RCPT_NOT_OURS = 3,  /* another's domain: relaying is smtpd's decision */
	RCPT_TEMPORARY = 4, /* the tables cannot be read now: 451 4.3.0 */
	RCPT_REFUSED = 5,   /* the operator refuses it; see text: 550 5.7.1 */
};

enum login_verdict {
	LOGIN_OK = 1,
	LOGIN_BAD = 2,	     /* unknown user or wrong password; never say which */
	LOGIN_TEMPORARY = 3, /* the tables cannot be read now */
};

enum delivery_outcome {
	DELIVERY_VISIBLE = 1,  /* in the mailbox; `durable` follows */
	DELIVERY_DEFERRED = 2, /* try again later */
	DELIVERY_FAILED = 3,   /* never */
};

enum listener_kind {
	LISTENER_SMTP = 1,
	LISTENER_POP3 = 2,
	LISTENER_SENDMAIL = 3, /* Unix socket; smtpd; the client is who the kernel says */
	LISTENER_QUEUE = 4,    /* Unix socket; queue; the operator's commands */
};

#define GRANT_LIFETIME_S 30

#endif
