/* SPDX-License-Identifier: ISC
 *
 * The first fields of what this server writes itself: reports to senders, notices to the
 * postmaster. Pure.
 */
#ifndef POSTERN_QUEUE_NOTICE_HEADER_H
#define POSTERN_QUEUE_NOTICE_HEADER_H

#include "common/buf.h"

struct notice_header {
	struct str hostname;
	struct str to;
	struct str subject; /* ASCII */
	uint64_t id;	    /* of the notice */
	uint64_t now;	    /* ms since the epoch */
	bool utf8;	    /* addresses may be */
};

/* Date, From, To, Subject, Message-ID; false past the buffer's ceiling. */
bool notice_header_put(struct buf *out, const struct notice_header *h);

#endif
