/* SPDX-License-Identifier: ISC
 *
 * Deliveries on their way out to deliver-local; what comes back is in local.c.
 */
#include "common/msg-queue-local.h"
#include "queue/local.h"

#include <errno.h>
#include <unistd.h>

static void fill_targets(const struct delivery *d, struct mailbox_target *targets)
{
	const struct message *m = message_of(d->job);
	for (size_t i = 0; i < d->count; i++) {
		uint16_t number = d->items[i].number;
		targets[i] = (struct mailbox_target){.number = number,
		    .address = message_address(m, number),
		    .original = message_original(m, number)};
	}
}

static struct local_delivery describe(
    const struct local *l, const struct delivery *d, struct mailbox_target *targets)
{
	const struct message *m = message_of(d->job);
	fill_targets(d, targets);
	return (struct local_delivery){.delivery = d->cookie,
	    .id = m->id,
	    .spool = spool_identity(l->carrier.reader->spool),
	    .arrival = m->arrival,
	    .repeat = (m->flags & MESSAGE_REPEAT) != 0,
	    .reverse_path = message_sender(m),
	    .targets = targets,
	    .targets_count = d->count};
}

static bool send_small(struct local *l, const struct delivery *d)
{
	struct mailbox_target targets[RECIPIENTS_PER_PACKET];
	struct msg_deliver m = {.to = describe(l, d, targets)};
	if (!reader_content(l->carrier.reader, message_of(d->job), &m.content))
		return false;
	errno = EMSGSIZE;
	return msg_deliver_send(l->carrier.channel, &m, NULL);
}

static bool send_large(struct local *l, const struct delivery *d)
{
	struct mailbox_target targets[RECIPIENTS_PER_PACKET];
	const struct message *message = message_of(d->job);
	struct msg_deliver_large m = {.to = describe(l, d, targets), .size = message->size};
	int fd = reader_open(l->carrier.reader, message);
	if (fd < 0)
		return false;
	errno = EMSGSIZE;
	bool sent = msg_deliver_large_send(l->carrier.channel, &m, &fd);
	close(fd);
	return sent;
}

void local_start(struct local *l, struct job *job)
{
	struct delivery *d = carrier_begin(&l->carrier, job);
	bool large = (message_of(job)->flags & MESSAGE_LARGE) != 0;
	carrier_sent(&l->carrier, d, large ? send_large(l, d) : send_small(l, d));
}
