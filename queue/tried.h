/* SPDX-License-Identifier: ISC
 *
 * A host that was tried before the one that decided, and what was said of it. Lists of
 * them are in the order of the tries and have at most TRIED_MAX entries.
 */
#ifndef POSTERN_QUEUE_TRIED_H
#define POSTERN_QUEUE_TRIED_H

#include "common/str.h"

struct tried {
	struct str host; /* "mx.example.net[192.0.2.1]:25"; at most RELAY_MAX */
	struct str said; /* at most REASON_MAX */
};

#endif
