/* SPDX-License-Identifier: ISC */
#include "deliver-local/serve.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { STOP_MS = 5000 /* for the last sync */ };

static struct deliverer deliverer;
static struct serve_hooks hooks;
static struct channel *channel;
static char *hostname, *template, *mailbox;
static bool stopping;

static void leave_when_done(void *ctx)
{
	(void)ctx;
	if (group_sync_waiting(deliverer.sync) == 0)
		loop_exit();
	else
		group_sync_hurry(deliverer.sync);
}

static void tell(struct delivery_ref *refs, size_t n, bool durable)
{
	if (channel == NULL || n == 0)
		return;
	if (durable)
		msg_durable_send(channel, &(struct msg_durable){refs, n}, NULL);
	else
		msg_not_durable_send(channel,
		    &(struct msg_not_durable){
			refs, n, STR("the mailboxes' disk could not be synced")},
		    NULL);
}

static void on_synced(void *ctx, const uint64_t *cookies, size_t n, int error)
{
	struct delivery_ref refs[GROUP_SYNC_MANY];
	size_t count = 0;
	(void)ctx;
	for (size_t i = 0; i < n; i++)
		if (hooks.synced == NULL || !hooks.synced(cookies[i], error == 0))
			refs[count++].delivery = cookies[i];
	if (error != 0) {
		errno = error;
		log_message(LOG_ERR,
		    "the mailboxes could not be synced, %zu deliveries are repeated: %m", n);
	}
	tell(refs, count, error == 0);
	if (stopping)
		loop_soon(leave_when_done, NULL);
}

void serve_results(uint64_t delivery, struct local_result *results, size_t n)
{
	if (channel != NULL)
		msg_local_results_send(
		    channel, &(struct msg_local_results){delivery, results, n}, NULL);
}

void serve_durable(uint64_t delivery, bool durable)
{
	struct delivery_ref ref = {delivery};
	tell(&ref, 1, durable);
}

bool serve_part(const struct local_delivery *to, struct str text, int fd, uint64_t size)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	struct content content;
	if (fd < 0)
		content_from_text(&content, text);
	else
		content_from_file(&content, fd, size);
	bool visible = deliver(&deliverer, to, &content, results);
	serve_results(to->delivery, results, to->targets_count);
	if (visible)
		group_sync_add(deliverer.sync, to->delivery);
	return visible;
}

static void carry_out(const struct local_delivery *to, struct str text, int fd, uint64_t size)
{
	if (hooks.deliver == NULL || !hooks.deliver(to, text, fd, size))
		serve_part(to, text, fd, size);
}

static bool on_deliver(void *ctx, const struct msg_deliver *m, int *fds)
{
	(void)ctx;
	(void)fds;
	carry_out(&m->to, m->content, -1, 0);
	return true;
}

static bool on_deliver_large(void *ctx, const struct msg_deliver_large *m, int *fds)
{
	(void)ctx;
	carry_out(&m->to, (struct str){NULL, 0}, fds[0], m->size);
	return true;
}

static const struct queue_local_server_handlers handlers = {
    .deliver = on_deliver,
    .deliver_large = on_deliver_large,
};

static void forget(void)
{
	channel_free(channel);
	channel = NULL;
	group_sync_forget(deliverer.sync);
	if (hooks.gone != NULL)
		hooks.gone();
}

static void on_closed(void *ctx, struct channel *closed, const char *why)
{
	(void)ctx;
	log_message(
	    channel_loss_level(closed), "the channel that deliveries come from is closed: %s", why);
	forget();
}

void serve_channel(int fd)
{
	if (channel != NULL)
		forget();
	channel = channel_new(fd, &queue_local_server, &handlers, NULL, on_closed);
}

static void replace(char **at, const char *with)
{
	free(*at);
	*at = with == NULL ? NULL : xstrdup(with);
}

void serve_use(const char *new_hostname, const char *new_template, const char *new_mailbox)
{
	replace(&hostname, new_hostname);
	replace(&template, new_template);
	replace(&mailbox, new_mailbox);
	deliverer.hostname = hostname;
	deliverer.template = template;
	deliverer.mailbox = mailbox;
}

void serve_start(int root, const struct serve_hooks *with)
{
	hooks = *with;
	deliverer.mailboxes = mailboxes_new(root, MAILBOXES_OPEN_MAX);
	deliverer.sync = group_sync_new(on_synced, NULL);
}

static void leave(void *ctx)
{
	(void)ctx;
	loop_exit();
}

void serve_stop(void)
{
	stopping = true;
	leave_when_done(NULL);
	loop_timer_start(loop_timer(leave, NULL), STOP_MS);
}
