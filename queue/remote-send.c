/* SPDX-License-Identifier: ISC
 *
 * Deliveries on their way out to deliver-remote. Addresses are those in memory, as they
 * are after all changes of routes; what else is in the envelope, and the content, may have
 * to be read back from the spool.
 */
#include "common/hash.h"
#include "common/msg-queue-remote.h"
#include "queue/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Of several that an alias stands for none is asked to report a success: that is reported here, as
 * expanded (RFC 3461 §5.2.7.3). */
static uint8_t notify_of(const struct message *m, uint16_t number, uint8_t notify)
{
	if ((notify & NOTIFY_SUCCESS) == 0 || !message_is_expanded(m, number))
		return notify;
	return notify == NOTIFY_SUCCESS ? NOTIFY_NEVER
					: (uint8_t)(notify & ~(unsigned)NOTIFY_SUCCESS);
}

static struct remote_delivery describe(
    const struct delivery *d, const struct read_back *read, struct remote_target *targets)
{
	for (size_t i = 0; i < d->count; i++) {
		static const struct recipient nothing_asked;
		const struct recipient *r = read->recipients == NULL
						? &nothing_asked
						: &read->recipients[d->items[i].number];
		targets[i] = (struct remote_target){.number = d->items[i].number,
		    .notify = notify_of(message_of(d->job), d->items[i].number, r->notify),
		    .address = message_address(message_of(d->job), d->items[i].number),
		    .orcpt = r->orcpt};
	}
	return (struct remote_delivery){.delivery = d->cookie,
	    .behind = d->behind,
	    .id = message_of(d->job)->id,
	    .nexthop = destination_name(d->job->to),
	    .reverse_path = read->envelope.reverse_path,
	    .envid = read->envelope.envid,
	    .flags = read->envelope.flags,
	    .ret = read->envelope.ret,
	    .targets = targets,
	    .targets_count = d->count};
}

static bool send_large(struct carrier *c, const struct delivery *d, const struct read_back *read)
{
	struct remote_target targets[RECIPIENTS_PER_PACKET];
	const struct message *message = message_of(d->job);
	const struct msg_deliver_remote_large m = {
	    .to = describe(d, read, targets), .size = message->size};
	int fd = reader_open(c->reader, message);
	if (fd < 0)
		return false;
	errno = EMSGSIZE;
	bool sent = msg_deliver_remote_large_send(c->channel, &m, &fd);
	close(fd);
	return sent;
}

static bool send_delivery(struct carrier *c, const struct delivery *d)
{
	struct remote_target targets[RECIPIENTS_PER_PACKET];
	struct read_back read;
	if (!reader_delivery(c->reader, message_of(d->job), &read))
		return false;
	if (message_of(d->job)->flags & MESSAGE_LARGE)
		return send_large(c, d, &read);
	const struct msg_deliver_remote m = {
	    .to = describe(d, &read, targets), .content = read.content};
	errno = EMSGSIZE;
	return msg_deliver_remote_send(c->channel, &m, NULL);
}

/* Of those that take more, the one whose number gives the greatest hash with the nexthop: when one
 * goes or comes, only its own nexthops move. */
static struct carrier *choose(const struct remote *r, struct str nexthop)
{
	struct carrier *best = NULL;
	uint64_t best_hash = 0;
	char key[NEXTHOP_MAX + 1];
	nexthop = str_head(nexthop, NEXTHOP_MAX);
	if (nexthop.n > 0)
		memcpy(key + 1, nexthop.p, nexthop.n);
	for (unsigned i = 0; i < REMOTE_INSTANCES_MAX; i++) {
		key[0] = (char)i;
		uint64_t hash = hash_bytes(key, nexthop.n + 1);
		if (r->instances[i] == NULL || !carrier_is_ready(r->instances[i]) ||
		    (best != NULL && hash < best_hash))
			continue;
		best = r->instances[i];
		best_hash = hash;
	}
	return best;
}

void remote_start(struct remote *r, struct job *job)
{
	struct carrier *c = choose(r, destination_name(job->to));
	struct delivery *d = carrier_begin(c, job);
	carrier_sent(c, d, send_delivery(c, d));
}

/* The scheduler counts as many offers to a destination as there are here. */
void remote_start_behind(struct remote *r, struct job *job)
{
	struct delivery *behind = NULL;
	struct carrier *c = NULL;
	for (unsigned i = 0; i < REMOTE_INSTANCES_MAX && behind == NULL; i++) {
		c = r->instances[i];
		behind = c != NULL ? carrier_find_offer(c, job->to) : NULL;
	}
	if (behind == NULL)
		abort();
	struct delivery *d = carrier_begin_behind(c, job, behind);
	carrier_sent(c, d, send_delivery(c, d));
}
