/* SPDX-License-Identifier: ISC
 *
 * Channels that the weaker end has closed because what the stronger one said broke the protocol.
 * Nobody is ended for that, since the weaker one's word is not enough for it; and the weaker one is
 * not left without the edge: both get the ends of a new socket, at once when that is the first
 * time for a while, then later and later (backoff.h). Both can do with that at any time, as it is
 * what happens when the other one is started anew. So all that an intruder in either gains is that
 * this edge of theirs, which is theirs to disturb, is made again now and then.
 */
#ifndef POSTERN_CONTROL_REWIRE_H
#define POSTERN_CONTROL_REWIRE_H

#include "control/program.h"

typedef void rewire_fn(void *ctx, const struct wiring_pair *pair);

/* `wire` makes the pair's socket if both ends live. */
void rewire_setup(struct program_table *t, rewire_fn *wire);
/* The weaker one says so, and both live. Does nothing when that edge is waiting already, for
 * these lives. */
void rewire_later(enum edge_id edge, const struct program *weaker, const struct program *stronger);

#endif
