/* SPDX-License-Identifier: ISC
 *
 * When a program that ended is started again. Pure: time comes in as an argument.
 *
 * A program that had reached its work comes back at once, because what ended it
 * may never come again and its peers are waiting. Each such restart takes a token;
 * one comes back every BACKOFF_REFILL_MS, and without one it waits for the next,
 * so that a program which dies again and again cannot keep the machine busy.
 * One that did not reach its work is started again at once after its first
 * failure, then after BACKOFF_FIRST_MS, twice as long each time up to
 * BACKOFF_MAX_MS. Reaching its work, or a life of BACKOFF_RESET_MS, forgets that.
 */
#ifndef POSTERN_CONTROL_BACKOFF_H
#define POSTERN_CONTROL_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MAX_MS = 30 * 1000,
	BACKOFF_RESET_MS = 60 * 1000,
	BACKOFF_TOKENS = 20,
	BACKOFF_REFILL_MS = 400,
};

/* All zero is a program that never failed. */
struct backoff {
	unsigned failures; /* in a row */
	unsigned spent;	   /* tokens that have not come back */
	uint64_t refilled; /* when the last token came back */
};

/* The program ended at `now_ms` after a life of `lived_ms`: milliseconds until its next start. */
uint64_t backoff_next(struct backoff *b, uint64_t now_ms, uint64_t lived_ms, bool was_ready);

#endif
