/* SPDX-License-Identifier: ISC
 *
 * One delivery of queue's: a message into the mailboxes of some recipients.
 */
#ifndef POSTERN_DELIVER_H
#define POSTERN_DELIVER_H

#include "common/conf.h"
#include "common/msg-queue-local.h"
#include "deliver-local/content.h"
#include "deliver-local/group-sync.h"
#include "deliver-local/mailboxes.h"

struct deliverer {
	const char *hostname;
	const char *template; /* conf->mailboxes */
	const char *mailbox;  /* not NULL: the one mailbox, whatever the addresses */
	struct mailboxes *mailboxes;
	struct group_sync *sync;
};

/* Fills one result per target; their texts are constants. Returns whether any is
 * DELIVERY_VISIBLE: then the delivery's cookie belongs into the group sync. */
bool deliver(const struct deliverer *d, const struct local_delivery *to,
    const struct content *content, struct local_result results[RECIPIENTS_PER_PACKET]);

/* The fields added at the delivery, CRLF lines; for the tests. */
void deliver_added_fields(
    struct buf *out, const struct local_delivery *to, const struct mailbox_target *target);

#endif
