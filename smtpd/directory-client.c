/* SPDX-License-Identifier: ISC
 *
 * Invariant: a query in `queries` has a cookie in `cookies`, and neither has any
 * other. The list is in the order of asking, so the first one is due first.
 */
#include "smtpd/directory-client.h"
#include "common/log.h"
#include "common/loop.h"
#include "smtpd/auth-client.h"
#include "smtpd/rcpt-cache.h"
#include "common/slots.h"

static struct channel *channel; /* NULL: directory is away */
static struct rcpt_cache *cache;
static struct slots cookies;
static TAILQ_HEAD(, directory_query) queries = TAILQ_HEAD_INITIALIZER(queries);
static directory_answer_fn *on_answer;
static directory_sender_fn *on_sender;

void directory_client_init(directory_answer_fn *answer, directory_sender_fn *sender)
{
	cache = rcpt_cache_new();
	on_answer = answer;
	on_sender = sender;
}

void directory_client_free(void)
{
	channel_free(channel);
	channel = NULL;
	rcpt_cache_free(cache);
	cache = NULL;
	slots_free(&cookies);
}

void directory_client_forget(struct directory_query *q)
{
	if (q->cookie == 0)
		return;
	slots_take(&cookies, q->cookie);
	q->cookie = 0;
	TAILQ_REMOVE(&queries, q, link);
}

static void finish(struct directory_query *q, const struct smtp_rcpt_answer *answer)
{
	directory_client_forget(q);
	on_answer(q, answer);
}

static void finish_sender(struct directory_query *q, enum sender_verdict verdict)
{
	directory_client_forget(q);
	on_sender(q, verdict);
}

/* A send that fails closes the channel; the question is asked again on the next one. */
static void send_query(const struct directory_query *q)
{
	const struct msg_rcpt_query rcpt = {.cookie = q->cookie, .address = q->address};
	const struct smtp_sender_query *s = q->sender;
	if (channel == NULL)
		return;
	if (s == NULL) {
		msg_rcpt_query_send(channel, &rcpt, NULL);
		return;
	}
	const struct msg_sender_query sender = {.cookie = q->cookie,
	    .recipients = s->recipients,
	    .login = s->login,
	    .mark = q->mark,
	    .client = s->client,
	    .addresses = (struct sender_address *)(uintptr_t)s->addresses,
	    .addresses_count = s->count};
	msg_sender_query_send(channel, &sender, NULL);
}

/* False when there is no cookie left. */
static bool enlist(struct directory_query *q)
{
	q->cookie = slots_put(&cookies, q);
	if (q->cookie == 0)
		return false;
	q->until_ms = loop_now_ms() + DIRECTORY_TIMEOUT_MS;
	TAILQ_INSERT_TAIL(&queries, q, link);
	send_query(q);
	return true;
}

bool directory_client_ask(
    struct directory_query *q, struct str address, struct smtp_rcpt_answer *answer)
{
	uint64_t now_ms = loop_now_ms();
	if (rcpt_cache_find(cache, address, now_ms, answer))
		return true;
	q->address = address;
	q->sender = NULL;
	if (address.n <= ADDRESS_MAX && enlist(q))
		return false;
	*answer = (struct smtp_rcpt_answer){.verdict = RCPT_TEMPORARY};
	return true;
}

bool directory_client_ask_sender(struct directory_query *q, const struct smtp_sender_query *sender,
    uint64_t mark, enum sender_verdict *verdict)
{
	q->sender = sender;
	q->mark = mark;
	*verdict = SENDER_TEMPORARY;
	return !enlist(q);
}

void directory_client_tick(uint64_t now_ms)
{
	struct directory_query *q;
	const struct smtp_rcpt_answer unknown = {.verdict = RCPT_TEMPORARY};
	while ((q = TAILQ_FIRST(&queries)) != NULL && q->until_ms <= now_ms) {
		if (q->sender != NULL)
			finish_sender(q, SENDER_TEMPORARY);
		else
			finish(q, &unknown);
	}
}

static bool on_rcpt_answer(void *ctx, const struct msg_rcpt_answer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	struct smtp_rcpt_answer answer = {
	    .verdict = (enum rcpt_verdict)m->verdict,
	    .text = m->text,
	    .targets = m->targets,
	    .target_count = m->targets_count,
	};
	struct directory_query *q = slots_get(&cookies, m->cookie);
	if (m->verdict < RCPT_LOCAL || m->verdict > RCPT_REFUSED)
		return false;
	rcpt_cache_generation(cache, m->generation);
	if (q == NULL || q->sender != NULL)
		return q == NULL;
	rcpt_cache_put(cache, q->address, loop_now_ms(), &answer);
	finish(q, &answer);
	return true;
}

static bool on_sender_answer(void *ctx, const struct msg_sender_answer *m, int *fds)
{
	struct directory_query *q = slots_get(&cookies, m->cookie);
	(void)ctx;
	(void)fds;
	if (m->verdict < SENDER_OK || m->verdict > SENDER_REVOKED)
		return false;
	if (q == NULL || q->sender == NULL)
		return q == NULL;
	finish_sender(q, (enum sender_verdict)m->verdict);
	return true;
}

static bool on_generation(void *ctx, const struct msg_directory_generation *m, int *fds)
{
	(void)ctx;
	(void)fds;
	rcpt_cache_generation(cache, m->generation);
	return true;
}

static const struct smtpd_directory_client_handlers handlers = {
    .rcpt_answer = on_rcpt_answer,
    .sender_answer = on_sender_answer,
    .directory_generation = on_generation,
    .auth_challenge = auth_client_on_challenge,
    .auth_outcome = auth_client_on_outcome,
    .auth_offer = auth_client_on_offer,
};

/* Another directory may number its generations anew. */
static void on_closed(void *ctx, struct channel *ch, const char *why)
{
	(void)ctx;
	log_message(LOG_WARNING, "directory is away: %s", why);
	rcpt_cache_clear(cache);
	channel_free(ch);
	channel = NULL;
	auth_client_use(NULL);
}

void directory_client_connect(int fd)
{
	struct directory_query *q;
	channel_free(channel);
	rcpt_cache_clear(cache);
	channel = channel_new(fd, &smtpd_directory_client, &handlers, NULL, on_closed);
	auth_client_use(channel);
	TAILQ_FOREACH(q, &queries, link)
	send_query(q);
}
