/* SPDX-License-Identifier: ISC
 *
 * The deliveries that a transport may have under way, and how its destinations
 * share them.
 *
 * P5, with a limit of L:
 *   - a destination that failed last takes part in at most a quarter of L, which
 *     all such share;
 *   - one that has deliveries under way takes at most twice what is free of three
 *     quarters of L: alone it gets half of L, and a hundred that hang leave room;
 *   - one that nothing is known of, with nothing under way, may also take of the
 *     next eighth of L;
 *   - one that worked when last tried, with nothing under way, may take of all.
 * So its mail goes at once, unless more than an eighth of L other destinations
 * began to hang since each last worked; then it waits no longer than until the
 * first of these deliveries times out.
 *
 * Those that may start take turns in the order in which they became able to.
 */
#ifndef POSTERN_QUEUE_SHARE_H
#define POSTERN_QUEUE_SHARE_H

#include "queue/destination.h"

/* The lists of destinations that could start a delivery, by what rule is theirs; and none. */
enum share_list { SHARE_BUSY, SHARE_WORKING, SHARE_UNKNOWN, SHARE_FAILING, SHARE_LISTS };

TAILQ_HEAD(destination_list, destination);

TAILQ_HEAD(ahead_list, destination);

struct share {
	unsigned limit; /* 0: paused */
	unsigned in_flight;
	unsigned failing; /* of these, to destinations that failed last */
	uint64_t next_turn;
	struct destination_list lists[SHARE_LISTS];
	struct ahead_list ahead; /* that could begin in a slot which they have; any of the lists too */
};

void share_init(struct share *s);
/* The list that a destination, open and with a ready job, belongs into. */
enum share_list share_list_of(const struct destination *d);
/* Puts it at the end; it is in no list. */
void share_add(struct share *s, struct destination *d, enum share_list list);
void share_remove(struct share *s, struct destination *d, enum share_list list);
/* Whose turn it is among those that may start; NULL: nobody may. */
struct destination *share_next(const struct share *s);
/* Which of `ahead` may begin in a slot that it has: one that would get this slot if it became free
 * now, so that nobody who waits for one has to wait for longer. NULL: none. */
struct destination *share_next_ahead(const struct share *s);

/* A delivery began, or ended. */
void share_started(struct share *s, struct destination *d);
void share_ended(struct share *s, struct destination *d);
/* What is known of the destination changed: it was `before`. */
void share_trust_changed(
    struct share *s, const struct destination *d, enum destination_trust before);

#endif
