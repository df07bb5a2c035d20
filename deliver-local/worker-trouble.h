/* SPDX-License-Identifier: ISC
 *
 * What the sender, or the postmaster, is told when a user's process cannot be had.
 */
#ifndef POSTERN_WORKER_TROUBLE_H
#define POSTERN_WORKER_TROUBLE_H

#include "common/answers.h"

struct worker_trouble {
	enum delivery_outcome outcome;
	const char *enhanced; /* RFC 3463 */
	const char *text;
};

/* None returns NULL. */
const struct worker_trouble *worker_no_user(enum user_verdict verdict);
const struct worker_trouble *worker_refused(enum owner_verdict verdict);
const struct worker_trouble *worker_ended(enum owner_trouble trouble);
extern const struct worker_trouble worker_slow, worker_no_room;

#endif
