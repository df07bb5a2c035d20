/* SPDX-License-Identifier: ISC
 *
 * A message as the active set holds it: one allocation with where it is in the
 * spool, its jobs (one a destination), its recipients and the text of the
 * addresses. Content and the rest of the envelope stay in the spool.
 *
 * With addresses of 25 octets a message to one recipient takes about 165 octets,
 * and about 190 with its share of index, heap and allocator; each further
 * recipient at the same destination takes 45.
 */
#ifndef POSTERN_QUEUE_MESSAGE_H
#define POSTERN_QUEUE_MESSAGE_H

#include "common/envelope.h"
#include "queue/recipient-state.h"
#include "queue/scheduler.h"
#include "queue/spool.h"

#define RECIPIENT_NONE 0xffff /* ends a list; numbers are below RECIPIENTS_MAX */

struct message_recipient {
	uint32_t text;	 /* where its addresses are in the message's text */
	uint32_t reason; /* handle of queue/reasons.h; 0: none */
	uint16_t next;	 /* in its job's list; in none, or before message_link: its job's number */
	uint16_t first_try;  /* minutes after the message's arrival; good when last_try is */
	uint32_t state : 9;  /* enum recipient_state */
	uint32_t last_try : 23; /* seconds after the arrival, and one; 0: never tried */
};

enum message_flags {
	MESSAGE_LARGE = 1,
	MESSAGE_REPEAT = 2,   /* P3: some delivery may have happened without our knowing */
	MESSAGE_WARNED = 4,   /* its sender was told that it waits */
	MESSAGE_HOLD = 8,     /* what of it was under way when an operator held it is held, too */
	MESSAGE_DELETED = 16, /* what was under way when an operator deleted it is not tried again */
	MESSAGE_SUCCESS = 32, /* some recipient's delivery is to be reported (NOTIFY=SUCCESS) */
	MESSAGE_RELEASED = 64, /* an operator let it go: no route holds it again */
};

struct message {
	uint64_t id;
	uint64_t arrival;				   /* milliseconds since the epoch */
	uint64_t size;					   /* octets of the content */
	uint32_t segment, offset, length, envelope_length; /* struct spool_place */
	uint32_t text_size;
	uint16_t recipient_count;
	uint16_t job_count;
	uint16_t open; /* recipients not done */
	uint8_t flags;
	uint8_t crashes; /* times that a channel closed on a delivery of it */
	struct job jobs[];
};

_Static_assert(sizeof(struct message_recipient) == 16, "see the figures above");
_Static_assert(sizeof(struct message) == 56, "see the figures above");

/* All recipients are as message_first_state says, all jobs idle and empty until message_link.
 * `count` is 1 to RECIPIENTS_MAX. */
struct message *message_new(struct scheduler *s, uint64_t id, const struct envelope *envelope,
    const struct recipient *recipients, size_t count, uint64_t size);
/* The same message with other routes: transport and nexthop of each recipient are those of the
 * list; an address may be another, its number is not. What waited for another destination is ready. Not linked;
 * the old one stays as it is, but for its reasons, which are the new one's. */
struct message *message_new_rerouted(
    struct scheduler *s, const struct message *m, const struct recipient *recipients);
/* Jobs leave the scheduler; none may be ready or under way. */
void message_free(struct scheduler *s, struct message *m);
/* Before anything happened to the recipient of this job: RECIPIENT_READY, or _HELD by its route. */
enum recipient_state message_first_state(const struct job *job);
/* Puts the recipients into their jobs' lists as their states say. */
void message_link(struct message *m);
/* Allocated octets. */
size_t message_octets(const struct message *m);

struct spool_place message_place(const struct message *m);
void message_set_place(struct message *m, const struct spool_place *place);

struct message_recipient *message_recipients(const struct message *m);
struct str message_sender(const struct message *m);
struct str message_address(const struct message *m, uint16_t number);
/* As the client gave it; the address itself when that is the same. */
struct str message_original(const struct message *m, uint16_t number);
/* One of several that a single RCPT stood for: an alias. */
bool message_is_expanded(const struct message *m, uint16_t number);
/* It is tried now, at `wall` (ms since the epoch). */
void message_note_try(const struct message *m, uint16_t number, uint64_t wall);
/* The first time, to the minute, and the last; ms since the epoch; 0: never. */
void message_tries(const struct message *m, uint16_t number, uint64_t *first, uint64_t *last);
/* As they were known before. */
void message_set_tries(const struct message *m, uint16_t number, uint64_t first, uint64_t last);
/* The message whose job it is. */
struct message *message_of(const struct job *job);

/* Moves up to `max` recipients from the job's ready list to `numbers`, in order. */
size_t message_take_ready(struct message *m, struct job *job, uint16_t *numbers, size_t max);
void message_push_ready(struct message *m, struct job *job, uint16_t number);
void message_push_deferred(struct message *m, struct job *job, uint16_t number);
/* Takes one out of the job's lists, RECIPIENT_NONE when they are empty; its state is the
 * caller's to change. */
uint16_t message_take_waiting(struct message *m, struct job *job);
/* The job of a recipient that is in no list. */
struct job *message_job(struct message *m, uint16_t number);
/* The number of each recipient's job; `jobs` has room for all recipients. */
void message_jobs(const struct message *m, uint16_t *jobs);
/* All deferred recipients of the job become ready. */
void message_wake(struct message *m, struct job *job);

#endif
