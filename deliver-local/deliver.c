/* SPDX-License-Identifier: ISC
 *
 * queue logs what becomes of a recipient; only what it cannot see is logged here.
 */
#include "deliver-local/deliver.h"
#include "common/header.h"
#include "common/mailbox-path.h"
#include "common/queue-id.h"
#include "deliver-local/maildir.h"
#include "deliver-local/remedy.h"

#include <errno.h>
#include <unistd.h>

void deliver_added_fields(
    struct buf *out, const struct local_delivery *to, const struct mailbox_target *target)
{
	char path[ADDRESS_MAX + 2];
	size_t n = to->reverse_path.n < ADDRESS_MAX ? to->reverse_path.n : ADDRESS_MAX;
	path[0] = '<';
	if (n > 0)
		memcpy(path + 1, to->reverse_path.p, n);
	path[n + 1] = '>';
	header_put(out, "Return-Path", str_from(path, n + 2));
	if (target->original.n > 0 && !str_eq(target->original, target->address))
		header_put(out, "X-Original-To", target->original);
	header_put(out, "Delivered-To", target->address);
}

static void log_replaced(const struct local_delivery *to, const struct mailbox_target *target)
{
	char id[QUEUE_ID_SIZE];
	struct log_event ev;
	queue_id_format(to->id, id);
	log_begin(&ev, LOG_WARNING, str_from_cstr(id));
	log_address(&ev, "to", target->address);
	log_note(&ev, STR("an incomplete or altered file of this delivery was replaced"));
	log_end(&ev);
}

/* With more file systems than the group sync keeps open, each delivery is synced by itself. */
static int deliver_and_sync(const struct deliverer *d, struct mailbox *box,
    const struct maildir_message *message, bool repeat, enum maildir_outcome *outcome)
{
	bool in_group = group_sync_file_system(d->sync, box->device, box->new) == 0;
	int error = maildir_deliver(box, message, repeat, outcome);
	if (error == 0 && !in_group && syncfs(box->new) < 0)
		error = errno;
	return error;
}

static int deliver_into(const struct deliverer *d, struct str path,
    const struct maildir_message *message, bool repeat, enum maildir_outcome *outcome)
{
	struct mailbox *box;
	int error = ENOENT;
	/* Twice: the mailbox may be moved away between its opening and its use. */
	for (int try = 0; try < 2 && error == ENOENT; try++) {
		error = mailboxes_get(d->mailboxes, path, &box);
		if (error != 0)
			return error;
		error = deliver_and_sync(d, box, message, repeat, outcome);
		if (error == ENOENT)
			mailboxes_drop(d->mailboxes, box);
	}
	return error;
}

/* The mailbox's path below the root, NUL-terminated; .n == 0: there is no such mailbox. */
static struct str target_path(
    const struct deliverer *d, const struct mailbox_target *target, struct buf *space)
{
	if (d->mailbox != NULL)
		return str_from_cstr(d->mailbox);
	if (!mailbox_path(d->template, target->address, space) || buf_len(space) == 0)
		return (struct str){NULL, 0};
	struct str path = buf_str(space);
	if (memchr(path.p, '\0', path.n) != NULL || !buf_append_u8(space, '\0'))
		return (struct str){NULL, 0};
	return str_head(buf_str(space), path.n);
}

static struct local_result deliver_one(const struct deliverer *d, const struct local_delivery *to,
    const struct mailbox_target *target, const struct content *content, struct buf *added,
    struct buf *path_space)
{
	struct local_result result = {.number = target->number, .outcome = DELIVERY_VISIBLE};
	struct maildir_message message = {.content = content};
	enum maildir_outcome outcome;
	buf_reset(added);
	buf_reset(path_space);
	struct str path = target_path(d, target, path_space);
	if (path.n == 0) {
		result.outcome = DELIVERY_FAILED;
		result.enhanced = STR("5.1.3");
		result.text = STR("no mailbox can have this address");
		return result;
	}
	deliver_added_fields(added, to, target);
	message.added = buf_str(added);
	maildir_name_format(&message.name, &(struct maildir_delivery){.arrival = to->arrival,
					       .spool = to->spool,
					       .id = to->id,
					       .number = target->number,
					       .hostname = str_from_cstr(d->hostname)});
	int error = deliver_into(d, path, &message, to->repeat != 0, &outcome);
	if (error != 0) {
		const struct remedy *remedy = remedy_for(error);
		result.outcome = DELIVERY_DEFERRED;
		result.enhanced = str_from_cstr(remedy->enhanced);
		result.text = str_from_cstr(remedy->text);
	} else if (outcome == MAILDIR_REPLACED) {
		log_replaced(to, target);
	}
	return result;
}

bool deliver(const struct deliverer *d, const struct local_delivery *to,
    const struct content *content, struct local_result results[RECIPIENTS_PER_PACKET])
{
	struct buf added = BUF_INIT(CONTENT_ADDED_MAX);
	struct buf path = BUF_INIT(MAILBOX_PATH_MAX);
	bool visible = false;
	for (size_t i = 0; i < to->targets_count; i++) {
		results[i] = deliver_one(d, to, &to->targets[i], content, &added, &path);
		visible |= results[i].outcome == DELIVERY_VISIBLE;
	}
	buf_release(&added);
	buf_release(&path);
	return visible;
}
