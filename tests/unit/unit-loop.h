/* SPDX-License-Identifier: ISC
 *
 * Turning the event loop from a test.
 */
#ifndef POSTERN_TESTS_UNIT_LOOP_H
#define POSTERN_TESTS_UNIT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event;

/* One round: what is due now. */
void unit_turn(void);
/* Rounds until nothing is due: packets have arrived and been answered where both ends are in this
 * process, timers of 0 ms have run. No clock is waited for. */
void unit_settle(void);
/* Waits for something to happen; Check ends a test that nothing happens in. */
void unit_wait(void);

/* How long a test waits for what surely comes: while (!came && !p.over) unit_wait(). */
struct unit_patience {
	struct event *timer;
	bool over;
};
void unit_patience_begin(struct unit_patience *p, uint64_t ms);
/* Whether it was enough. */
bool unit_patience_end(struct unit_patience *p);

#endif
