/* SPDX-License-Identifier: ISC
 *
 * The content of a message as it comes from an SMTP client: a scanner that finds
 * its end, checks it and gives back the octets to keep, without copying them.
 *
 *   while (in.n > 0) {
 *           struct str keep;
 *           size_t used = content_scan(&c, in, &keep);
 *           ... store keep ...
 *           in = str_skip(in, used);
 *           if (c.event != CONTENT_MORE) ...
 *   }
 *
 * What it gives is the same however the input is cut into pieces.
 *
 * Of DATA, only CRLF "." CRLF is the end, and a dot at the start of a line is
 * removed (RFC 5321 §4.1.1.4, §4.5.2). Of BDAT the caller knows the end and calls
 * content_finish there. CR and LF only occur together: a bare one ends the scan
 * with an event, or, with `repair`, a bare LF becomes CRLF and a bare CR a blank;
 * even then nothing but CRLF "." CRLF ends DATA. NUL and octets above 127 are
 * octets like others.
 */
#ifndef POSTERN_SMTPD_CONTENT_H
#define POSTERN_SMTPD_CONTENT_H

#include "common/str.h"

enum {
	/* RFC 5321 §4.5.3.1.6 has 1000 with CRLF, real mail has far more; what is longer is no
	   mail. */
	CONTENT_LINE_MAX = 4 * 1024 * 1024,
	CONTENT_LINE_USUAL = 998,
};

enum content_event {
	CONTENT_MORE,
	CONTENT_END,	 /* DATA only */
	CONTENT_BARE_CR, /* not with `repair`; nothing more may be scanned */
	CONTENT_BARE_LF,
};

enum content_fault {
	CONTENT_OK,
	CONTENT_TOO_BIG,
	CONTENT_HEADER_TOO_BIG,
	CONTENT_LINE_TOO_LONG,
	CONTENT_LOOPS, /* more than hops_max Received fields */
};

struct content_limits {
	uint64_t size_max; /* octets kept, not counting what smtpd puts in front */
	unsigned header_max;
	unsigned hops_max;
};

/* All fields but the first five are the scanner's own. */
struct content {
	enum content_event event;
	enum content_fault fault; /* the first; the scan goes on to find the end */
	uint64_t size;		  /* octets kept */
	unsigned hops;
	unsigned long_lines; /* over CONTENT_LINE_USUAL */

	struct content_limits limits;
	bool dots;	 /* DATA */
	bool repair;	 /* of bare CR and LF */
	bool after_crlf; /* the line before this one ended in CRLF, and so may the data */
	bool in_line;	 /* something of this line has been seen */
	uint8_t held;	 /* what was seen but cannot be judged yet */
	bool in_header;
	uint8_t field;	   /* where in a header line */
	uint8_t match;	   /* octets of "received" matched */
	uint8_t tls_match; /* and of "tls-required" */
	bool in_wish;	   /* in the value of such a field */
	uint8_t wish;	   /* octets of its "no" matched */
	uint8_t wishes;	   /* fields of that name; 2: two or more */
	size_t line;	   /* octets of this line so far */
	uint64_t header;
};

void content_init(struct content *c, const struct content_limits *limits, bool dots, bool repair);
/* Consumes some of `in` (at least one octet, or a held one was resolved) and says what of it, or of
 * what was held before, to keep; sets c->event. */
size_t content_scan(struct content *c, struct str in, struct str *keep);
/* The header says "TLS-Required: No" (RFC 8689 §3), in any case and with white space around; once
 * the header is over. Two such fields, which must not be, ask for nothing, as does any other value:
 * what is doubtful leaves all protection in force. */
bool content_is_tls_optional(const struct content *c);
/* At the end of the last chunk: what is still held, and the CRLF of a last line without one. To be
 * called until *keep is empty. */
void content_finish(struct content *c, struct str *keep);

#endif
