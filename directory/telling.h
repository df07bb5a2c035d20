/* SPDX-License-Identifier: ISC
 *
 * How often the operator is told: so many times an hour one by one; who comes when that is used up
 * waits for the hour's end, and then one notice says how many there are. Pure.
 */
#ifndef POSTERN_DIRECTORY_TELLING_H
#define POSTERN_DIRECTORY_TELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TELLINGS_PER_HOUR = 10 };

struct telling {
	uint64_t began_ms; /* the hour */
	unsigned told;	   /* in it */
	bool all;	   /* what waits is told in one, until that is done */
};

enum telling_what { TELLING_NOTHING, TELLING_ONE, TELLING_ALL };

/* What to tell now, when so many wait. For nothing, *wait_ms says when to ask again; 0: not before
 * there is news. */
enum telling_what telling_next(
    struct telling *t, size_t waiting, uint64_t now_ms, uint64_t *wait_ms);
/* It was told. */
void telling_done(struct telling *t);

#endif
