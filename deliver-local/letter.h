/* SPDX-License-Identifier: ISC
 *
 * A delivery of queue's kept in memory until the processes that make it have it: shared
 * by its parts.
 */
#ifndef POSTERN_LETTER_H
#define POSTERN_LETTER_H

#include "common/msg-queue-local.h"

struct letter {
	size_t refs;
	struct local_delivery to; /* without targets */
	int fd;			  /* of a large content; else -1 */
	uint64_t size;
	struct str content;
};

/* Copies all of it; with one reference, the caller's. NULL with errno when out of descriptors. */
struct letter *letter_new(
    const struct local_delivery *to, struct str content, int fd, uint64_t size);
struct letter *letter_ref(struct letter *l);
void letter_drop(struct letter *l); /* NULL does nothing */
/* Sends it, for these targets, under another number. */
bool letter_send(const struct letter *l, struct channel *channel, uint64_t number,
    struct mailbox_target *targets, size_t n);

#endif
