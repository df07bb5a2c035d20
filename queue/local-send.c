/* SPDX-License-Identifier: ISC
 *
 * Deliveries on their way out to deliver-local; what comes back is in local.c.
 */
#include "queue/local-internal.h"
#include "common/loop.h"
#include "queue/dispatch.h"
#include "queue/queue-log.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keep no more memory than an ordinary message needs. */
enum { READ_BUFFER_KEPT = 256 * 1024, FEW_JOBS = 16 };

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
	    .spool = spool_identity(l->spool),
	    .arrival = m->arrival,
	    .repeat = (m->flags & MESSAGE_REPEAT) != 0,
	    .reverse_path = message_sender(m),
	    .targets = targets,
	    .targets_count = d->count};
}

/* The content from memory or the spool, lent until the next call. */
static bool get_content(struct local *l, const struct message *m, struct str *content)
{
	struct spool_place place = message_place(m);
	struct envelope envelope;
	struct recipient *recipients;
	size_t count;
	if (contents_get(l->contents, m->id, content))
		return true;
	if (l->buf.cap > READ_BUFFER_KEPT)
		buf_release(&l->buf);
	buf_reset(&l->buf);
	pool_reset(l->pool);
	return spool_read(
	    l->spool, m->id, &place, &l->buf, l->pool, &envelope, &recipients, &count, content);
}

static bool send_small(struct local *l, const struct delivery *d)
{
	struct mailbox_target targets[RECIPIENTS_PER_PACKET];
	struct msg_deliver m = {.to = describe(l, d, targets)};
	if (!get_content(l, message_of(d->job), &m.content))
		return false;
	errno = EMSGSIZE;
	return msg_deliver_send(l->channel, &m, NULL);
}

/* EBADMSG unless the file is there in the size that was committed. */
static int open_whole(struct spool *spool, const struct message *m)
{
	struct stat st;
	int fd = spool_large_open(spool, m->id);
	if (fd < 0 && errno == ENOENT)
		errno = EBADMSG;
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size == m->size)
		return fd;
	close(fd);
	errno = EBADMSG;
	return -1;
}

static bool send_large(struct local *l, const struct delivery *d)
{
	struct mailbox_target targets[RECIPIENTS_PER_PACKET];
	const struct message *message = message_of(d->job);
	struct msg_deliver_large m = {.to = describe(l, d, targets), .size = message->size};
	int fd = open_whole(l->spool, message);
	if (fd < 0)
		return false;
	errno = EMSGSIZE;
	bool sent = msg_deliver_large_send(l->channel, &m, &fd);
	close(fd);
	return sent;
}

/* Each job sends the content once at first; then it is the spool's alone. */
static void forget_content(struct local *l, const struct message *m)
{
	if (m->job_count > FEW_JOBS)
		return; /* goes when it is stale, or with the message */
	for (size_t i = 0; i < m->job_count; i++)
		if (m->jobs[i].own.ready != RECIPIENT_NONE)
			return;
	contents_drop(l->contents, m->id);
}

/* The disk may be repaired: try again. A record or file that is not what was committed stays so:
 * its sender is owed a bounce. */
static void give_up_unsent(struct local *l, struct delivery *d, int error)
{
	const struct str unreadable = STR("the content cannot be read from the spool");
	const struct str damaged = STR("what the spool holds of the message is damaged");
	struct moment now = moment_now();
	queue_log_problem(
	    message_of(d->job), "its content cannot be given to deliver-local", error);
	for (size_t i = 0; i < d->count; i++)
		if (error == EBADMSG)
			local_fail(l, d, &d->items[i], STR("5.3.0"), damaged, now);
		else
			local_defer(l, d, &d->items[i], STR("4.3.0"), unreadable, now);
	scheduler_done(l->active->scheduler, d->job, DESTINATION_UNKNOWN, now.ms);
	local_end(l, d);
}

void local_start(struct local *l, struct job *job)
{
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	size_t count = active_start(l->active, job, numbers, RECIPIENTS_PER_PACKET);
	struct message *m = message_of(job);
	struct delivery *d = delivery_new(&l->deliveries, job, numbers, count);
	d->started_ms = loop_now_ms();
	d->started_wall = loop_wall_ms();
	bool sent = (m->flags & MESSAGE_LARGE) ? send_large(l, d) : send_small(l, d);
	if (!sent && !channel_is_closed(l->channel)) {
		give_up_unsent(l, d, errno);
		return;
	}
	forget_content(l, m);
}
