/* SPDX-License-Identifier: ISC
 *
 * Invariant: an armed deadline is in the slot of d->tick, which is not after the
 * tick in which it is due, and not more than a turn of the wheel ahead.
 */
#include "smtpd/deadline.h"

#include <stddef.h>
#include <string.h>

/* The first tick that is not before this time. */
static uint64_t tick_of(uint64_t ms)
{
	return (ms + DEADLINE_TICK_MS - 1) / DEADLINE_TICK_MS;
}

void deadline_wheel_init(struct deadline_wheel *w, uint64_t now_ms)
{
	memset(w, 0, sizeof(*w));
	w->tick = now_ms / DEADLINE_TICK_MS;
}

static void put(struct deadline **head, struct deadline *d)
{
	d->next = *head;
	d->prev = head;
	if (d->next != NULL)
		d->next->prev = &d->next;
	*head = d;
}

static void insert(struct deadline_wheel *w, struct deadline *d)
{
	d->tick = tick_of(d->due_ms);
	if (d->tick <= w->tick)
		d->tick = w->tick + 1;
	if (d->tick > w->tick + DEADLINE_SLOTS - 1)
		d->tick = w->tick + DEADLINE_SLOTS - 1;
	put(&w->slots[d->tick % DEADLINE_SLOTS], d);
}

void deadline_clear(struct deadline *d)
{
	if (d->prev == NULL)
		return;
	*d->prev = d->next;
	if (d->next != NULL)
		d->next->prev = d->prev;
	d->prev = NULL;
}

void deadline_set(struct deadline_wheel *w, struct deadline *d, uint64_t due_ms)
{
	d->due_ms = due_ms;
	if (d->prev != NULL && tick_of(due_ms) >= d->tick)
		return;
	deadline_clear(d);
	insert(w, d);
}

/* The slot's list is moved to a head of its own first, so that whatever fn does to it is safe. */
static void advance_tick(struct deadline_wheel *w, uint64_t now_ms, deadline_fn *fn, void *ctx)
{
	struct deadline *due = NULL;
	struct deadline **slot = &w->slots[++w->tick % DEADLINE_SLOTS];
	if (*slot != NULL) {
		due = *slot;
		due->prev = &due;
		*slot = NULL;
	}
	while (due != NULL) {
		struct deadline *d = due;
		deadline_clear(d);
		if (d->due_ms <= now_ms)
			fn(d, ctx);
		else
			insert(w, d);
	}
}

void deadline_advance(struct deadline_wheel *w, uint64_t now_ms, deadline_fn *fn, void *ctx)
{
	uint64_t last = now_ms / DEADLINE_TICK_MS;
	/* After a long sleep one turn visits every slot. */
	if (last > w->tick + DEADLINE_SLOTS)
		w->tick = last - DEADLINE_SLOTS;
	while (w->tick < last)
		advance_tick(w, now_ms, fn, ctx);
}
