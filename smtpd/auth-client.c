/* SPDX-License-Identifier: ISC
 *
 * Invariant: a query in `queries` has a cookie in `cookies`, and neither has any other.
 */
#include "smtpd/auth-client.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/slots.h"

#include <sysexits.h>

static struct channel *channel; /* NULL: directory is away */
static unsigned mechanisms;
static struct slots cookies;
static TAILQ_HEAD(, auth_query) queries = TAILQ_HEAD_INITIALIZER(queries);
static const struct auth_client_events *events;

void auth_client_init(const struct auth_client_events *e)
{
	events = e;
}

unsigned auth_client_mechanisms(void)
{
	return channel == NULL ? 0 : mechanisms;
}

/* Out of everything; directory is not told. */
static void disarm(struct auth_query *q)
{
	slots_take(&cookies, q->cookie);
	q->cookie = 0;
	TAILQ_REMOVE(&queries, q, link);
	if (q->answer != NULL)
		event_free(q->answer);
	q->answer = NULL;
}

static void finish(struct auth_query *q, enum login_verdict verdict)
{
	disarm(q);
	events->on_result(q, verdict, (struct str){NULL, 0}, (struct str){NULL, 0});
}

static void abort_exchange(const struct auth_query *q)
{
	const struct msg_auth_abort m = {.cancel = {.cookie = q->cookie}};
	if (channel != NULL)
		msg_auth_abort_send(channel, &m, NULL);
}

void auth_client_forget(struct auth_query *q)
{
	if (q->cookie == 0)
		return;
	if (q->answer == NULL)
		abort_exchange(q);
	disarm(q);
}

static void on_answer(void *ctx)
{
	struct auth_query *q = ctx;
	finish(q, q->verdict);
}

/* Never at once: the core cannot be answered while it asks. */
static void hold(struct auth_query *q, enum login_verdict verdict, uint64_t until_ms)
{
	q->verdict = verdict;
	q->answer = loop_timer(on_answer, q);
	loop_timer_at(q->answer, until_ms);
}

void auth_client_begin(struct auth_query *q, struct auth_start *start)
{
	*q = (struct auth_query){.asked_ms = loop_now_ms()};
	q->cookie = slots_put(&cookies, q);
	if (q->cookie == 0)
		log_fatal(EX_SOFTWARE, "no cookie for a login");
	TAILQ_INSERT_TAIL(&queries, q, link);
	start->cookie = q->cookie;
	const struct msg_auth_begin m = {.start = *start};
	if (channel == NULL || !msg_auth_begin_send(channel, &m, NULL))
		hold(q, LOGIN_TEMPORARY, 0);
}

void auth_client_respond(struct auth_query *q, struct str message)
{
	const struct msg_auth_response m = {.message = {.cookie = q->cookie, .octets = message}};
	q->asked_ms = loop_now_ms();
	if (channel == NULL || !msg_auth_response_send(channel, &m, NULL))
		hold(q, LOGIN_TEMPORARY, 0);
}

/* For directory's answer. */
static bool is_waiting(const struct auth_query *q)
{
	return q->answer == NULL && q->asked_ms != 0;
}

void auth_client_tick(uint64_t now_ms)
{
	struct auth_query *q, *next;
	for (q = TAILQ_FIRST(&queries); q != NULL; q = next) {
		next = TAILQ_NEXT(q, link);
		if (!is_waiting(q) || now_ms < q->asked_ms + AUTH_TIMEOUT_MS)
			continue;
		abort_exchange(q);
		finish(q, LOGIN_TEMPORARY);
	}
}

bool auth_client_on_challenge(void *ctx, const struct msg_auth_challenge *m, int *fds)
{
	struct auth_query *q = slots_get(&cookies, m->message.cookie);
	(void)ctx;
	(void)fds;
	if (q == NULL || q->answer != NULL)
		return true;
	q->asked_ms = 0;
	events->on_challenge(q, m->message.octets);
	return true;
}

bool auth_client_on_outcome(void *ctx, const struct msg_auth_outcome *m, int *fds)
{
	const struct auth_result *r = &m->result;
	struct auth_query *q = slots_get(&cookies, r->cookie);
	(void)ctx;
	(void)fds;
	if (r->verdict < LOGIN_OK || r->verdict > LOGIN_LIMITED)
		return false;
	if (q == NULL || q->answer != NULL)
		return true;
	if (r->verdict == LOGIN_OK) {
		disarm(q);
		q->mark = r->mark;
		events->on_result(q, LOGIN_OK, r->login, r->last);
	} else {
		hold(q, (enum login_verdict)r->verdict, q->asked_ms + r->delay);
	}
	return true;
}

bool auth_client_on_offer(void *ctx, const struct msg_auth_offer *m, int *fds)
{
	(void)ctx;
	(void)fds;
	mechanisms = m->mechanisms;
	return true;
}

/* What the old channel knew, the new one does not. Whose turn it is, the client will hear when it
 * has responded. */
void auth_client_use(struct channel *fresh)
{
	struct auth_query *q;
	channel = fresh;
	TAILQ_FOREACH(q, &queries, link)
	if (is_waiting(q))
		hold(q, LOGIN_TEMPORARY, 0);
}
