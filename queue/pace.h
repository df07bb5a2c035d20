/* SPDX-License-Identifier: ISC
 *
 * A rate of deliveries an hour, as a bucket of tokens: one more token for each
 * share of the hour, and room for what PACE_SLACK_MS brings (at least for one), so
 * that whoever looks only once a second loses nothing.
 *
 * In no hour, wherever it begins, are there more than `rate`; who always has more
 * to deliver gets at most PACE_SLACK_MS an hour less than that, for as many hours
 * as it takes: nothing is lost to rounding.
 *
 * Pure: time is an argument, milliseconds on a clock that never goes back.
 */
#ifndef POSTERN_QUEUE_PACE_H
#define POSTERN_QUEUE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_SLACK_MS = 2000 };

struct pace {
	uint64_t full_at; /* nanoseconds; when the bucket is full again; 0: it is */
	unsigned rate;	  /* deliveries an hour; 0: no limit */
};

/* Another rate begins with a full bucket. */
void pace_set_rate(struct pace *p, unsigned rate);
/* The bucket was empty then: who begins anew does not know what was spent before. */
void pace_was_empty(struct pace *p, uint64_t then);
/* There is a token. */
bool pace_is_open(const struct pace *p, uint64_t now);
/* As if none had ever been taken. */
bool pace_is_full(const struct pace *p, uint64_t now);
/* Takes one. */
void pace_spend(struct pace *p, uint64_t now);
/* The first time at which there is a token. */
uint64_t pace_opens_at(const struct pace *p);

#endif
