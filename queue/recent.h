/* SPDX-License-Identifier: ISC
 *
 * What became of the last recipients: a ring that `postern queue watch` looks
 * into. For the loop's thread only, as the log that it goes along with.
 */
#ifndef POSTERN_QUEUE_RECENT_H
#define POSTERN_QUEUE_RECENT_H

#include "common/str.h"

#include <stdint.h>

enum { RECENT_MAX = 64, RECENT_TEXT_MAX = 100 };

struct recent {
	uint64_t serial; /* 1, 2, ... */
	uint64_t when;	 /* milliseconds since the epoch */
	uint64_t id;
	const char *status; /* static */
	/* Cut to RECENT_TEXT_MAX. */
	char recipient[RECENT_TEXT_MAX + 1], relay[RECENT_TEXT_MAX + 1], note[RECENT_TEXT_MAX + 1];
};

/* Its serial and texts are set here. `status` must be static. */
void recent_add(uint64_t when, uint64_t id, const char *status, struct str recipient,
    struct str relay, struct str note);
/* The oldest that is remembered with a serial above `after`; NULL: none. */
const struct recent *recent_after(uint64_t after);

#endif
