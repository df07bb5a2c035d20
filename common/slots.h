/* SPDX-License-Identifier: ISC
 *
 * Cookies for questions to other programs: a number stands for a pointer as long
 * as it is in the table, and never for another one soon after. A stale answer
 * finds nothing.
 */
#ifndef POSTERN_SLOTS_H
#define POSTERN_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slot {
	void *entry; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

struct slots {
	struct slot *list;
	uint32_t count;
	uint32_t first_free;
};

enum { SLOTS_MAX = 1 << 20 };

/* An all-zero struct slots is an empty table. The cookie is never 0; 0 is returned when the table
 * is full. `entry` is not NULL. */
uint32_t slots_put(struct slots *s, void *entry);
/* NULL when the cookie is not in the table. */
void *slots_get(const struct slots *s, uint32_t cookie);
void *slots_take(struct slots *s, uint32_t cookie);
void slots_free(struct slots *s);

#endif
