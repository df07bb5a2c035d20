/* SPDX-License-Identifier: ISC
 *
 * What the postmaster reads when somebody passed a limit of submission. Pure: whatever directory
 * says, what comes out are whole lines, and nothing of it makes a header field.
 */
#ifndef POSTERN_QUEUE_LIMIT_TEXT_H
#define POSTERN_QUEUE_LIMIT_TEXT_H

#include "common/msg-queue-directory.h"
#include "queue/templates.h"

struct limit_text {
	const struct templates *templates;
	struct str hostname;
	struct str to;			  /* the postmaster */
	uint64_t id;			  /* of the notice */
	uint64_t now;			  /* ms since the epoch */
	const struct msg_limit_passed *m; /* sound */
};

/* The values are some that there are, the login is text on one line. */
bool limit_text_is_sound(const struct msg_limit_passed *m);
/* Appends the notice; false past the buffer's ceiling. *flags: what its own envelope must say
 * (enum envelope_flags). */
bool limit_text_put(const struct limit_text *t, struct buf *out, uint16_t *flags);

#endif
