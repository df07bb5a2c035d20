/* SPDX-License-Identifier: ISC */
#include "directory/pam-client.h"
#include "common/channel.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/msg-directory-pam.h"

#include <stdlib.h>

enum { TICK_MS = 1000 };

LIST_HEAD(question_list, pam_question);

static struct {
	struct channel *channel;
	struct question_list asked;
	size_t count;
	uint32_t last_cookie;
	struct event *timer;
} pam;

static void settle(struct pam_question *q, enum pam_verdict verdict)
{
	LIST_REMOVE(q, entries);
	pam.count--;
	q->fn(q, verdict);
}

static void settle_until(uint64_t now)
{
	struct pam_question *q, *next;
	for (q = LIST_FIRST(&pam.asked); q != NULL; q = next) {
		next = LIST_NEXT(q, entries);
		if (now >= q->end)
			settle(q, PAM_LATER);
	}
}

static void on_tick(void *ctx)
{
	(void)ctx;
	settle_until(loop_now_ms());
	if (pam.count > 0)
		loop_timer_start(pam.timer, TICK_MS);
}

static bool on_pam_answer(void *ctx, const struct msg_pam_answer *m, int *fds)
{
	struct pam_question *q;
	(void)ctx;
	(void)fds;
	if (m->verdict < PAM_RIGHT || m->verdict > PAM_EXPIRED)
		return false;
	LIST_FOREACH(q, &pam.asked, entries)
	if (q->cookie == m->cookie) {
		settle(q, (enum pam_verdict)m->verdict);
		return true;
	}
	return true; /* it came too late */
}

static const struct directory_pam_client_handlers handlers = {.pam_answer = on_pam_answer};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel), "the channel to pam-check is closed: %s", why);
	channel_free(channel);
	pam.channel = NULL;
	settle_until(UINT64_MAX);
}

void pam_client_start(void)
{
	LIST_INIT(&pam.asked);
	pam.timer = loop_timer(on_tick, NULL);
}

void pam_client_end(void)
{
	channel_free(pam.channel);
	pam.channel = NULL;
	settle_until(UINT64_MAX);
	event_free(pam.timer);
}

void pam_client_peer(int fd)
{
	if (pam.channel != NULL)
		on_closed(NULL, pam.channel, "there is a new one");
	pam.channel = channel_new(fd, &directory_pam_client, &handlers, NULL, on_closed);
}

bool pam_client_ask(struct pam_question *q, struct str user, struct str password, struct str client)
{
	const struct msg_pam_query m = {
	    .cookie = ++pam.last_cookie, .user = user, .password = password, .client = client};
	if (pam.channel == NULL || pam.count >= PAM_CLIENT_MAX ||
	    !msg_pam_query_send(pam.channel, &m, NULL))
		return false;
	q->cookie = m.cookie;
	q->end = loop_now_ms() + PAM_CLIENT_WAIT_MS;
	LIST_INSERT_HEAD(&pam.asked, q, entries);
	if (pam.count++ == 0)
		loop_timer_start(pam.timer, TICK_MS);
	return true;
}
