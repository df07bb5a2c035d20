/* SPDX-License-Identifier: ISC
 *
 * What sendmail(1) makes of the header that a local program wrote: recipients
 * are taken from it (-t), Bcc and other fields that must not travel are left
 * out, addresses without a domain get one, and From, Date and Message-ID are added
 * when they are missing or empty (RFC 5322 §3.6; of a resent message their Resent-
 * counterparts, §3.6.6).
 */
#ifndef POSTERN_SUBMISSION_HEADER_H
#define POSTERN_SUBMISSION_HEADER_H

#include "common/buf.h"

enum { SUBMISSION_HEADER_MAX = 1024 * 1024 };

struct submission {
	struct str origin;    /* the domain of addresses that have none */
	struct str sender;    /* complete; for a missing From. Empty: the null sender */
	struct str full_name; /* may be empty */
	struct str unique;    /* left part of a missing Message-ID */
	uint64_t now_ms;
	bool extract; /* -t */
	/* One address of a recipient field; false when it is refused (then the scan ends). */
	bool (*on_recipient)(void *ctx, struct str address, bool qualified);
	void *ctx;
};

struct submission_fault {
	char field[64];	 /* the field that is wrong; empty: the header as a whole */
	const char *why; /* NULL: none (or on_recipient refused) */
};

/* `in` begins with the header; lines end in LF or CRLF. Appends the new header with its closing
 * empty line to `out`; *used says where in `in` the body begins. */
bool submission_header(const struct submission *s, struct str in, struct buf *out, size_t *used,
    struct submission_fault *fault);

#endif
