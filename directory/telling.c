/* SPDX-License-Identifier: ISC */
#include "directory/telling.h"

enum { HOUR_MS = 3600 * 1000 };

/* A clock that was set back begins a new one. */
static void turn(struct telling *t, size_t waiting, uint64_t now_ms)
{
	if (now_ms >= t->began_ms && now_ms - t->began_ms < HOUR_MS)
		return;
	if (t->told >= TELLINGS_PER_HOUR)
		t->all = waiting > 1;
	t->began_ms = now_ms;
	t->told = 0;
}

enum telling_what telling_next(
    struct telling *t, size_t waiting, uint64_t now_ms, uint64_t *wait_ms)
{
	*wait_ms = 0;
	if (waiting == 0)
		return TELLING_NOTHING;
	turn(t, waiting, now_ms);
	if (t->told < TELLINGS_PER_HOUR)
		return t->all ? TELLING_ALL : TELLING_ONE;
	*wait_ms = t->began_ms + HOUR_MS - now_ms;
	return TELLING_NOTHING;
}

void telling_done(struct telling *t)
{
	t->told++;
	t->all = false;
}
