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

/* Whether a user may send as an address, and how much. */
enum sender_verdict {
	SENDER_OK = 1,
	SENDER_NOT_OWNED = 2,
	SENDER_LIMIT = 3,     /* more recipients than in that time: 450 4.7.1 */
	SENDER_HOLD = 4,      /* the same, and the operator wants it kept for a look */
	SENDER_TEMPORARY = 5, /* the tables cannot be read now */
	SENDER_REVOKED = 6,   /* the login is not good any more: 421 4.7.0 */
};

/* Whose limit was passed. */
enum limit_kind {
	LIMIT_LOGIN = 1,
	LIMIT_ADDRESS = 2,
	LIMIT_NETWORK = 3,
	LIMIT_OTHERS = 4, /* of several, too many to tell of one by one */
};

/* What became of an operator's order. */
enum control_outcome {
	CONTROL_REFUSED = 0,
	CONTROL_DONE = 1,
	CONTROL_BAD_CERTIFICATES = 2, /* a reload is done, but these stay as they were */
	CONTROL_NOT_JUDGED = 3,	      /* the same, and keys has not said what it thinks of some */
};

enum login_verdict {
	LOGIN_OK = 1,
	LOGIN_BAD = 2,	     /* unknown user or wrong password; never say which */
	LOGIN_TEMPORARY = 3, /* the tables cannot be read now */
	LOGIN_LIMITED = 4,   /* too many failures: not now, whatever the password */
};

/* Whether a name is a user of the machine who gets mail as itself. */
enum user_verdict {
	USER_FOUND = 1,
	USER_NONE = 2,
	USER_BELOW = 3,	 /* there is one, but the uid is not among those that do; see uid-min */
	USER_FAILED = 4, /* it cannot be told now */
};

/* What the small root parents answer. */
enum owner_verdict {
	OWNER_OK = 1,
	OWNER_NOT_ALLOWED = 2, /* the uid is not among those that get mail as themselves */
	OWNER_NONE = 3,	       /* there is no such user any more */
	OWNER_BUSY = 4,	       /* too many processes, out of something, or no look-up now */
};

/* Why a user's process cannot work: its exit status is OWNER_EXIT + one of these. */
enum owner_trouble {
	TROUBLE_HOME = 1,     /* there is no home directory */
	TROUBLE_HOME_OWNER,   /* it belongs to somebody else */
	TROUBLE_HOME_WRITABLE, /* others may write to it */
	TROUBLE_MAILBOX,      /* the Maildir cannot be made or opened */
	TROUBLE_MAILBOX_OWNER, /* it belongs to somebody else, or others may write to it */
	TROUBLE_MAILBOX_LINK, /* there is a symbolic link in its path */
	TROUBLE_SPACE,	      /* it cannot be made: disk full or quota used up */
	TROUBLE_COUNT,
};

enum pam_verdict {
	PAM_RIGHT = 1,
	PAM_WRONG = 2,
	PAM_LATER = 3,	 /* PAM, or what it asks, does not work now */
	PAM_EXPIRED = 4, /* the password was right, but the account may not be used */
};

enum delivery_outcome {
	DELIVERY_VISIBLE = 1,  /* in the mailbox; `durable` follows */
	DELIVERY_DEFERRED = 2, /* try again later */
	DELIVERY_FAILED = 3,   /* never */
	DELIVERY_TAKEN = 4,    /* another server has it now */
};

/* What a delivery says of its destination as such, see queue/destination.h. */
enum remote_verdict {
	REMOTE_WORKS = 1,
	REMOTE_FAILS = 2,   /* no connection, or lost, or nobody there takes mail now */
	REMOTE_UNKNOWN = 3, /* our own side broke off (DNS, directory, no descriptors) */
};

enum remote_tls {
	REMOTE_TLS_NONE = 0,
	REMOTE_TLS_UNTRUSTED = 1, /* whoever it is */
	REMOTE_TLS_TRUSTED = 2,	  /* a certificate for that name, from a known authority */
	REMOTE_TLS_VERIFIED = 3,  /* DANE, or what the operator demands */
};

/* What must hold of TLS to a server (RFC 3207, RFC 7672). */
enum tls_policy {
	TLS_NONE = 1, /* do not even try */
	TLS_MAY = 2,  /* whatever it offers */
	TLS_ENCRYPT = 3,
	TLS_DANE = 4, /* when there are secure TLSA records they must match; without them as TLS_MAY */
	TLS_DANE_ONLY = 5,
	TLS_VERIFY = 6, /* a certificate for its name from a known authority */
	TLS_FINGERPRINT = 7,
};

enum hop_verdict {
	HOP_OK = 1,
	HOP_REFUSED = 2,   /* the operator's route says error, or the relay is not there any more */
	HOP_TEMPORARY = 3, /* the tables cannot be read now */
};

enum dns_state {
	DNS_OK = 1,
	DNS_NO_NAME = 2, /* NXDOMAIN */
	DNS_NO_DATA = 3, /* the name is there, but nothing of that type */
	DNS_TEMPORARY = 4, /* no answer, SERVFAIL, REFUSED, over budget */
	DNS_BOGUS = 5,	   /* does not validate: never to be used, nor taken for "nothing" */
};

enum listener_kind {
	LISTENER_SMTP = 1,
	LISTENER_POP3 = 2,
	LISTENER_SENDMAIL = 3, /* Unix socket; smtpd; the client is who the kernel says */
	LISTENER_QUEUE = 4,    /* Unix socket; queue; the operator's commands */
	LISTENER_DIRECTORY = 5, /* the same of directory */
};

/* Whose session tickets are nobody else's. */
enum tls_service_id {
	TLS_SERVICE_SMTP = 1,
	TLS_SERVICE_SUBMISSION = 2,
	TLS_SERVICE_POP3 = 3,
	TLS_SERVICES,
};

#define GRANT_LIFETIME_S 30

#endif
