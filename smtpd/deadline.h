/* SPDX-License-Identifier: ISC
 *
 * Very many deadlines on one timer: a wheel of seconds. Nearly every deadline is
 * put off before it is due, so putting off costs nothing: the place in the wheel
 * is looked at again when its second comes.
 *
 * Pure: time comes in as an argument. A deadline fires up to a second late, never
 * early.
 */
#ifndef POSTERN_SMTPD_DEADLINE_H
#define POSTERN_SMTPD_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

enum { DEADLINE_SLOTS = 512, DEADLINE_TICK_MS = 1000 };

/* All zero: not armed. Embedded in what it is about. */
struct deadline {
	struct deadline *next;
	struct deadline **prev; /* NULL: not armed */
	uint64_t due_ms;
	uint64_t tick; /* of the slot it is in */
};

struct deadline_wheel {
	struct deadline *slots[DEADLINE_SLOTS];
	uint64_t tick; /* up to here everything has fired */
};

typedef void deadline_fn(struct deadline *d, void *ctx);

void deadline_wheel_init(struct deadline_wheel *w, uint64_t now_ms);
/* Arms it, or changes when it is due. */
void deadline_set(struct deadline_wheel *w, struct deadline *d, uint64_t due_ms);
void deadline_clear(struct deadline *d);
/* Calls fn for what is due, after disarming it. fn may set and clear any deadline. */
void deadline_advance(struct deadline_wheel *w, uint64_t now_ms, deadline_fn *fn, void *ctx);

#endif
