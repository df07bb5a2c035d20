/* SPDX-License-Identifier: ISC
 *
 * Who gets the next of few places: jobs wait in a line for each client network, and the lines take
 * turns. A network with a hundred jobs delays another's one by no more than one of its own. Lines
 * of the first class go before all others, and have room of their own to wait in: many networks at
 * once delay them by no more than what runs already.
 *
 * No I/O, no clock. Jobs are opaque; a name is that of a line.
 */
#ifndef POSTERN_DIRECTORY_TURNS_H
#define POSTERN_DIRECTORY_TURNS_H

#include "common/str.h"

struct turns;

enum turns_class { TURNS_FIRST, TURNS_OTHER, TURNS_CLASSES };

/* At most `places` jobs run at a time, `line_places` of them of one line; `line_max` of one line
 * and `all_max` of each class wait. */
struct turns *turns_new(size_t places, size_t line_places, size_t line_max, size_t all_max);
/* Jobs that wait are handed to `drop`, which may be NULL when there is none. */
void turns_free(struct turns *t, void (*drop)(void *job));
/* False: its line, or its class, is too long. A line is of one class: the names of both differ. */
bool turns_add(struct turns *t, enum turns_class class, struct str line, void *job);
/* The next job that may run now, which then takes a place; NULL: none. */
void *turns_next(struct turns *t);
/* A job of that line has run. */
void turns_done(struct turns *t, struct str line);
size_t turns_waiting(const struct turns *t);

#endif
