/* SPDX-License-Identifier: ISC
 *
 * A message as the active set holds it: one allocation with where it is in the
 * spool, its jobs (one a destination), its recipients and the text of the
 * addresses. Content and the rest of the envelope stay in the spool.
 *
 * With addresses of 25 octets a message to one recipient takes about 160 octets,
 * and about 190 with its share of index, heap and allocator; each further
 * recipient at the same destination takes 41.
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
	uint16_t next;	 /* in its job's list; before message_link: its job's number */
	uint8_t state;	 /* enum recipient_state */
};

enum message_flags {
	MESSAGE_LARGE = 1,
	MESSAGE_REPEAT = 2,  /* P3: some delivery may have happened without our knowing */
	MESSAGE_OVERDUE = 4, /* past its lifetime, and the log says so */
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

_Static_assert(sizeof(struct message_recipient) == 12, "see the figures above");
_Static_assert(sizeof(struct message) == 56, "see the figures above");

/* All recipients are RECIPIENT_READY, all jobs idle and empty until message_link. `count` is 1 to
 * RECIPIENTS_MAX. */
struct message *message_new(struct scheduler *s, uint64_t id, const struct envelope *envelope,
    const struct recipient *recipients, size_t count, uint64_t size);
/* Jobs leave the scheduler; none may be ready or under way. */
void message_free(struct scheduler *s, struct message *m);
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
/* The message whose job it is. */
struct message *message_of(const struct job *job);

/* Moves up to `max` recipients from the job's ready list to `numbers`, in order. */
size_t message_take_ready(struct message *m, struct job *job, uint16_t *numbers, size_t max);
void message_push_ready(struct message *m, struct job *job, uint16_t number);
void message_push_deferred(struct message *m, struct job *job, uint16_t number);
/* All deferred recipients of the job become ready. */
void message_wake(struct message *m, struct job *job);

#endif
