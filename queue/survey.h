/* SPDX-License-Identifier: ISC
 *
 * Counts what waits: by destination, by how long, and by why. It is given one
 * message after another, so that a million of them can be counted between other
 * work; messages may come and go meanwhile.
 */
#ifndef POSTERN_QUEUE_SURVEY_H
#define POSTERN_QUEUE_SURVEY_H

#include "queue/active.h"
#include "queue/ages.h"

/* By age: below 5 min, 15 min, 1 h, 4 h, 12 h, 1 d, 2 d, 5 d (queue/ages.h), and more. */

struct survey_row {
	uint32_t messages; /* of destinations, and in total */
	uint32_t recipients;
	uint64_t oldest; /* arrival, milliseconds since the epoch; 0: none */
	uint32_t ages[QUEUE_AGES];
	size_t key_size;
	char key[]; /* transport and nexthop of a destination, or a reason's text */
};

struct survey;

struct survey *survey_new(const struct reasons *reasons, uint64_t now_wall);
void survey_free(struct survey *s);
void survey_add(struct survey *s, const struct message *m);
/* All together. */
const struct survey_row *survey_total(const struct survey *s);
/* Those with most recipients first; `*count` is how many there are. The list is the caller's to
 * free, its rows are lent until survey_free. */
const struct survey_row **survey_destinations(const struct survey *s, size_t *count);
const struct survey_row **survey_reasons(const struct survey *s, size_t *count);

#endif
