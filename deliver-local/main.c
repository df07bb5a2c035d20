/* SPDX-License-Identifier: ISC
 *
 * deliver-local: puts mail into mailboxes.
 *
 *   runs as    postern-mail, with the mailboxes' directory as its root
 *   reads      the mailboxes; descriptors of large messages that queue passes
 *   writes     the mailboxes
 *   talks to   queue, whose orders it takes
 *   may never  open a path from outside, follow a symbolic link, start a program, use the network
 *
 * A delivery is done at once, in the handler of its message; only the sync that makes
 * it durable waits, on a thread. What is open when queue's channel closes is
 * forgotten: queue sends it again.
 */
#include "common/mem.h"
#include "common/service.h"
#include "deliver-local/deliver.h"
#include "common/mailbox-root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	FILES_MAX = MAILBOXES_OPEN_MAX * MAILBOX_DESCRIPTORS + GROUP_SYNC_FILE_SYSTEMS + 128,
	STOP_MS = 5000, /* for the last sync */
};

static struct deliverer deliverer;
static struct channel *queue;
static char *root; /* path, as it was at the start */
static char *hostname, *template;
static bool stopping;

static void leave_when_done(void *ctx)
{
	(void)ctx;
	if (group_sync_waiting(deliverer.sync) == 0)
		loop_exit();
	else
		group_sync_hurry(deliverer.sync);
}

static void on_synced(void *ctx, const uint64_t *cookies, size_t n, int error)
{
	struct delivery_ref refs[GROUP_SYNC_MANY];
	(void)ctx;
	for (size_t i = 0; i < n; i++)
		refs[i].delivery = cookies[i];
	if (error != 0) {
		errno = error;
		log_message(LOG_ERR,
		    "the mailboxes could not be synced, %zu deliveries are repeated: %m", n);
	}
	if (queue != NULL && error == 0)
		msg_durable_send(queue, &(struct msg_durable){refs, n}, NULL);
	else if (queue != NULL)
		msg_not_durable_send(queue,
		    &(struct msg_not_durable){
			refs, n, STR("the mailboxes' disk could not be synced")},
		    NULL);
	if (stopping)
		loop_soon(leave_when_done, NULL);
}

static void carry_out(const struct local_delivery *to, const struct content *content)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	bool visible = deliver(&deliverer, to, content, results);
	msg_local_results_send(
	    queue, &(struct msg_local_results){to->delivery, results, to->targets_count}, NULL);
	if (visible)
		group_sync_add(deliverer.sync, to->delivery);
}

static bool on_deliver(void *ctx, const struct msg_deliver *m, int *fds)
{
	struct content content;
	(void)ctx;
	(void)fds;
	content_from_text(&content, m->content);
	carry_out(&m->to, &content);
	return true;
}

static bool on_deliver_large(void *ctx, const struct msg_deliver_large *m, int *fds)
{
	struct content content;
	(void)ctx;
	content_from_file(&content, fds[0], m->size);
	carry_out(&m->to, &content);
	return true;
}

static const struct queue_local_server_handlers handlers = {
    .deliver = on_deliver,
    .deliver_large = on_deliver_large,
};

static void on_queue_gone(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(LOG_INFO, "the channel to queue is closed: %s", why);
	channel_free(channel);
	queue = NULL;
	group_sync_forget(deliverer.sync);
}

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)instance;
	if (edge != EDGE_queue_local) {
		close(fd);
		return;
	}
	if (queue != NULL) {
		channel_free(queue);
		group_sync_forget(deliverer.sync);
	}
	queue = channel_new(fd, &queue_local_server, &handlers, NULL, on_queue_gone);
}

static void before_jail(struct service *self, const struct conf *conf)
{
	root = mailbox_root_path(conf);
	mailbox_root_make(root, self->user);
}

/* The configuration that it comes from may be freed later. */
static void use_conf(const struct conf *conf)
{
	free(hostname);
	free(template);
	hostname = xstrdup(conf->hostname);
	template = xstrdup(conf->mailboxes);
	deliverer.hostname = hostname;
	deliverer.template = template;
}

static void in_jail(const struct conf *conf)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		log_fatal(EX_NOPERM,
		    "the mailboxes' directory %s cannot be read: %m. Give it to the user "
		    "that deliver-local runs as",
		    root);
	use_conf(conf);
	deliverer.mailboxes = mailboxes_new(fd, MAILBOXES_OPEN_MAX);
	deliverer.sync = group_sync_new(on_synced, NULL);
}

/* The jail was made around the old root. */
static void on_reload(const struct conf *conf)
{
	char *fresh = mailbox_root_path(conf);
	bool moved = strcmp(fresh, root) != 0;
	free(fresh);
	if (!moved)
		use_conf(conf);
	else
		log_message(LOG_ERR,
		    "\"mailboxes\" names another directory now: mail is delivered below %s "
		    "until the suite is stopped and started again",
		    root);
}

static void leave(void *ctx)
{
	(void)ctx;
	loop_exit();
}

static void on_stop(void)
{
	stopping = true;
	leave_when_done(NULL);
	loop_timer_start(loop_timer(leave, NULL), STOP_MS);
}

static struct service deliver_local = {
    .program = PROGRAM_deliver_local,
    .sandbox = {.files_max = FILES_MAX},
    .before_jail = before_jail,
    .in_jail = in_jail,
    .on_peer = on_peer,
    .on_reload = on_reload,
    .on_stop = on_stop,
};

int main(int argc, char **argv)
{
	return service_main(&deliver_local, argc, argv);
}
