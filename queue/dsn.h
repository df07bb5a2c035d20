/* SPDX-License-Identifier: ISC
 *
 * Delivery status notifications as text: RFC 3464 reports in the multipart/report
 * of RFC 6522, or with the types of RFC 6533 where addresses are not ASCII.
 *
 * Pure. Whatever is in the strings, no line of the result is longer than 998
 * octets, each ends in CRLF, and no string makes a header field, a status field or
 * a body part of its own.
 */
#ifndef POSTERN_QUEUE_DSN_H
#define POSTERN_QUEUE_DSN_H

#include "common/envelope.h"
#include "queue/reasons.h"
#include "queue/template.h"

enum dsn_kind {
	DSN_FAILURE,
	DSN_DELAY,
	DSN_SUCCESS,
	DSN_DOUBLE, /* to the postmaster: what could neither be delivered nor returned */
	DSN_KINDS
};

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_recipient {
	struct str address;  /* where it was to go */
	struct str original; /* as given in RCPT; the same, or an alias */
	struct str orcpt;    /* decoded "type;address"; empty: none */
	enum dsn_action action;
	struct why why;
	uint64_t first_attempt, last_attempt; /* ms since the epoch; 0: none, or not known */
};

struct dsn {
	const struct template *text;
	struct str hostname;
	struct str postmaster; /* who answers questions */
	struct str to;
	uint64_t id;  /* of the notice; names it */
	uint64_t now; /* ms since the epoch */
	/* The message it is about. */
	uint64_t about;
	uint64_t arrival;
	uint64_t until; /* how long delivery is tried; DSN_DELAY */
	struct str sender;
	struct str envid;
	const struct dsn_recipient *recipients;
	size_t count;
	struct str content; /* of it: all, or the header at least; empty: it cannot be read */
	bool whole;	    /* may be returned whole, if it can be */
	bool smtputf8;	    /* its envelope says so */
	bool tls_optional;  /* its header says "TLS-Required: No": so does that of the notice */
};

enum { DSN_RECIPIENTS_MAX = 100 };

/* Of what is around the content: header, texts, and what is said of all recipients. */
#define DSN_OVERHEAD_MAX ((size_t)4 * 1024 * 1024)

/* Appends the notice; false past the buffer's ceiling. *flags: what its own envelope must say
 * (enum envelope_flags). */
bool dsn_put(const struct dsn *d, struct buf *out, uint16_t *flags);

#endif
