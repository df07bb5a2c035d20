/* SPDX-License-Identifier: ISC
 *
 * What a recipient is at. Travels in waiting_recipient (common/msg-operator-queue.def),
 * so `postern queue` needs it without the rest of the queue.
 */
#ifndef POSTERN_QUEUE_RECIPIENT_STATE_H
#define POSTERN_QUEUE_RECIPIENT_STATE_H

enum recipient_state {
	RECIPIENT_READY = 1,	/* waits for its turn */
	RECIPIENT_ACTIVE = 2,	/* a delivery is under way */
	RECIPIENT_VISIBLE = 4,	/* in the mailbox, but not on stable storage yet */
	RECIPIENT_DEFERRED = 8, /* waits for its job's next try */
	RECIPIENT_HELD = 16,	/* until an operator releases it */
	RECIPIENT_FAILED = 32,	/* for good; its sender is owed a bounce */
	RECIPIENT_DELIVERED = 64,
	RECIPIENT_BOUNCED = 128,
	RECIPIENT_SUCCEEDED = 256, /* delivered; its sender may be owed a notice of that */

	RECIPIENT_DONE = RECIPIENT_DELIVERED | RECIPIENT_BOUNCED,
	/* What is left is a word to its sender. */
	RECIPIENT_OWED = RECIPIENT_FAILED | RECIPIENT_SUCCEEDED,
	RECIPIENT_STATES = 511,
};

/* "deferred", ...; "unknown" for any other number. */
const char *recipient_state_name(unsigned state);

#endif
