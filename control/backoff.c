/* SPDX-License-Identifier: ISC */
#include "control/backoff.h"

static void refill(struct backoff *b, uint64_t now)
{
	if (now < b->refilled)
		return;
	uint64_t came_back = (now - b->refilled) / BACKOFF_REFILL_MS;
	b->spent = came_back >= b->spent ? 0 : b->spent - (unsigned)came_back;
	b->refilled += came_back * BACKOFF_REFILL_MS;
}

static uint64_t doubled(unsigned times)
{
	uint64_t delay = BACKOFF_FIRST_MS;
	for (unsigned i = 0; i < times && delay < BACKOFF_MAX_MS; i++)
		delay *= 2;
	return delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS;
}

static uint64_t take_token(struct backoff *b, uint64_t now)
{
	b->failures = 0;
	if (b->spent < BACKOFF_TOKENS) {
		b->spent++;
		return 0;
	}
	/* Takes the one that comes back next. */
	uint64_t at = b->refilled += BACKOFF_REFILL_MS;
	return at > now ? at - now : 0;
}

uint64_t backoff_next(struct backoff *b, uint64_t now, uint64_t lived, bool was_ready)
{
	refill(b, now);
	if (was_ready)
		return take_token(b, now);
	if (lived >= BACKOFF_RESET_MS)
		b->failures = 0;
	unsigned before = b->failures++;
	return before == 0 ? 0 : doubled(before - 1);
}
