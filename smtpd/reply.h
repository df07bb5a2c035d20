/* SPDX-License-Identifier: ISC
 *
 * Statuses in, octets of replies out: the only module that writes them. No line
 * is ever longer than 512 octets with its CRLF (RFC 5321 §4.5.3.1.5), and every
 * octet of a text is printable ASCII.
 */
#ifndef POSTERN_SMTPD_REPLY_H
#define POSTERN_SMTPD_REPLY_H

#include "common/buf.h"

enum { REPLY_LINE_MAX = 512 };

enum smtp_status {
	STATUS_NONE, /* no reply now: it follows, or was given */
#define STATUS(id, flag, code, enhanced, text) STATUS_##id,
#include "smtpd/status.def"
#undef STATUS
	STATUS_COUNT,
};

enum reply_flag { REPLY_GOES_ON, REPLY_ENDS, REPLY_BAD };

struct reply {
	enum reply_flag flag;
	unsigned code;
	struct str enhanced; /* RFC 2034; empty for none */
	struct str text;
};

/* The row of a status. */
const struct reply *reply_of(enum smtp_status status);
/* The reply to a status; `hostname` is in front of the text where RFC 5321 §4.2.3 wants it. */
void reply_status(struct buf *out, enum smtp_status status, struct str hostname);
/* One line; "-" behind the code when `more` follow. What does not fit is cut. */
void reply_line(struct buf *out, const struct reply *reply, bool more);
/* Code and enhanced code fit each other and are 2xx, 4xx or 5xx; for replies that others choose. */
bool reply_is_valid(unsigned code, struct str enhanced);

#endif
