/* SPDX-License-Identifier: ISC
 *
 * A destination: a transport plus what decides where a connection goes (a mailbox
 * domain, a nexthop). It knows who waits here and in whose turn, how many
 * deliveries may run at once, and whether the other side seems to live.
 *
 * Senders take turns: each reverse-path that has ready jobs here has one turn in a
 * ring, with its jobs in their order behind it; a turn yields one delivery, then
 * the next sender's comes. So a mailing to 100,000 recipients and a two-line note
 * each get every other delivery.
 *
 * The window follows success and failure: one more for each delivery that worked
 * until the first failure, then one for each windowful; half after a failure, but
 * one halving only for what was under way together. After `dead_after` failures
 * in a row the destination is dead: nothing starts until the back-off is over,
 * then one probe, whose result revives it or doubles the back-off; one that says
 * nothing has the back-off again. What waits behind it is not touched meanwhile.
 *
 * Pure: no clock, no I/O. Only the scheduler calls these.
 */
#ifndef POSTERN_QUEUE_DESTINATION_H
#define POSTERN_QUEUE_DESTINATION_H

#include "common/hash.h"
#include "queue/job.h"
#include "queue/pace.h"

#include <sys/queue.h>

enum { DESTINATION_REASON_MAX = 160 };

enum destination_state {
	DESTINATION_ALIVE = 1,
	DESTINATION_DEAD = 2,	 /* until wake.when */
	DESTINATION_PROBING = 4, /* one delivery may try */
};

/* What a delivery said about the destination as such; a single refused recipient says it works. */
enum destination_verdict {
	DESTINATION_WORKS,
	DESTINATION_FAILS,   /* no connection, or lost: the next one would hardly do better */
	DESTINATION_UNKNOWN, /* our own side broke off */
};

/* What the last delivery that said anything of the destination said. */
enum destination_trust { TRUST_UNKNOWN, TRUST_WORKED, TRUST_FAILED };

struct retry_policy {
	unsigned first; /* seconds */
	unsigned max;
};

struct destination_policy {
	unsigned window_first;
	unsigned window_max;
	unsigned dead_after;	/* failures in a row; 0: never dead */
	unsigned backoff_first; /* seconds; doubled with each failed probe */
	unsigned backoff_max;
	unsigned rate;		   /* deliveries an hour; 0: no limit */
	struct retry_policy retry; /* first 0: the scheduler's */
	unsigned lifetime;	   /* seconds; 0: the active set's */
};

struct turn;

struct destination {
	struct heap_node wake;	/* first; DESTINATION_DEAD: when the probe may go */
	struct heap_node token; /* in the scheduler's heap while there is no token */
	TAILQ_ENTRY(destination) link;
	uint64_t turn; /* of queue/share.h */
	const struct destination_policy *policy;
	struct pace pace;
	char *last_reason; /* why something was deferred here; NULL: nothing was */
	struct turn *last; /* the ring's last turn; its next is the first; NULL: nothing ready */
	uint32_t jobs;	   /* that refer to it, ready or not */
	unsigned in_flight; /* slots in use: sessions, as far as we know */
	unsigned ahead;	    /* deliveries that share another one's slot */
	unsigned offers;    /* slots in which one more delivery may begin ahead */
	TAILQ_ENTRY(destination) ahead_link;
	bool in_ahead; /* the scheduler's: it is in the list by that link */
	unsigned window;
	unsigned credit;   /* successes towards a wider window */
	unsigned cohort;   /* results still to come of what was under way at the last halving */
	unsigned failures; /* in a row */
	unsigned backoff;  /* seconds, the last one */
	uint16_t note;	   /* scratch of message_new */
	uint8_t state;
	uint8_t trust;	  /* enum destination_trust */
	bool had_failure; /* since it is known */
	uint8_t list;	  /* the scheduler's: which of its lists `link` is in */
	uint8_t transport;
	uint16_t key_size;
	char key[]; /* transport and nexthop */
};

struct destination *destination_new(
    struct str key, uint8_t transport, const struct destination_policy *policy);
/* Nothing is ready and nothing refers to it. */
void destination_free(struct destination *d);
struct str destination_key(const void *destination);
/* The nexthop, or mailbox domain. */
struct str destination_name(const struct destination *d);

/* All turns of all destinations, by destination and sender. */
struct hash *turns_new(void);
void turns_free(struct hash *turns);

/* Puts an idle job behind its sender's others. */
void destination_push(struct destination *d, struct hash *turns, struct job *job);
/* Whose delivery is next; NULL when nothing is ready. */
struct job *destination_first(const struct destination *d);
/* The first had its turn; unless it has `more` it leaves the queue. */
void destination_rotate(struct destination *d, struct hash *turns, bool more);
/* The job, wherever it is in its sender's turn, leaves the queue. */
void destination_withdraw(struct destination *d, struct hash *turns, struct job *job);

/* From now on this policy holds, which is lent. What was learned stays, within its bounds. */
void destination_set_policy(struct destination *d, const struct destination_policy *policy);
/* Remembers a copy, cut at DESTINATION_REASON_MAX, for operators. */
void destination_note_reason(struct destination *d, struct str why);

/* Whether one more delivery may begin, as far as window and back-off go. */
bool destination_is_open(const struct destination *d);
/* Whether one more may begin in a slot that is in use already. */
bool destination_is_open_ahead(const struct destination *d);
/* Takes one result in. `jitter` is a random number. True when the destination died by it:
 * wake.when is set then, in seconds. */
bool destination_feedback(
    struct destination *d, enum destination_verdict verdict, uint32_t now, uint32_t jitter);

#endif
