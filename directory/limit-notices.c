/* SPDX-License-Identifier: ISC
 *
 * Invariant: while `token` is not 0, what it stands for is taken in the table, and queue has it.
 */
#include "directory/limit-notices.h"
#include "common/loop.h"
#include "directory/server.h"
#include "directory/telling.h"

enum { RETRY_MS = 60 * 1000 };

static struct usage *usage;
static struct state_store *store;
static struct event *timer;
static struct telling telling;
static uint64_t token; /* of the one under way; 0: none */

_Static_assert((int)USAGE_CLIENTS <= (int)LIMIT_CLIENTS_MAX, "a message has room for them");

static void set_key(struct msg_limit_passed *m, struct str key)
{
	static const uint8_t kinds[] = {[GUESS_ADDRESS] = LIMIT_ADDRESS,
	    [GUESS_NETWORK] = LIMIT_NETWORK,
	    [GUESS_LOGIN] = LIMIT_LOGIN};
	m->kind = kinds[(uint8_t)key.p[0]];
	*(m->kind == LIMIT_LOGIN ? &m->login : &m->network) = str_skip(key, 1);
}

static bool send_one(const struct peer *queue, const struct usage_report *r)
{
	struct limit_client clients[USAGE_CLIENTS];
	for (size_t i = 0; i < r->client_count; i++)
		clients[i].address = str_from(r->clients[i].address, r->clients[i].size);
	struct msg_limit_passed m = {.token = token,
	    .day = r->passed.window == USAGE_DAY,
	    .held = r->passed.held,
	    .limit = r->passed.limit,
	    .recipients = r->passed.recipients,
	    .since = r->passed.since_s * 1000,
	    .when = r->passed.when_s * 1000,
	    .clients = clients,
	    .clients_count = r->client_count};
	set_key(&m, r->key);
	return msg_limit_passed_send(queue->channel, &m, NULL);
}

static bool send_others(const struct peer *queue, const struct usage_report *first, size_t n)
{
	const struct msg_limit_passed m = {.token = token,
	    .kind = LIMIT_OTHERS,
	    .held = first->passed.held,
	    .since = first->passed.when_s * 1000,
	    .when = loop_wall_ms(),
	    .others = (uint32_t)n};
	return msg_limit_passed_send(queue->channel, &m, NULL);
}

static void settle(bool told)
{
	token = 0;
	usage_settle(usage, told);
	if (told)
		telling_done(&telling);
	state_store_hurry(store);
}

void limit_notices_run(void)
{
	uint64_t now_ms = loop_wall_ms(), wait_ms;
	const struct peer *queue = server_find_edge(EDGE_queue_directory);
	struct usage_report first;
	if (token != 0 || queue == NULL)
		return;
	enum telling_what what = telling_next(&telling, usage_waiting(usage), now_ms, &wait_ms);
	if (wait_ms > 0)
		loop_timer_start(timer, wait_ms);
	if (what == TELLING_NOTHING)
		return;
	size_t n = usage_take(usage, what == TELLING_ALL, now_ms / 1000, &first);
	/* That of the first may have told of it alone before. */
	token = what == TELLING_ALL ? ~first.passed.token : first.passed.token;
	bool sent = what == TELLING_ALL ? send_others(queue, &first, n) : send_one(queue, &first);
	if (!sent)
		limit_notices_lost();
}

void limit_notices_lost(void)
{
	if (token == 0)
		return;
	settle(false);
	loop_timer_start(timer, RETRY_MS);
}

bool limit_notices_told(void *peer, const struct msg_limit_told *m, int *fds)
{
	(void)peer;
	(void)fds;
	if (token == 0 || m->token != token || m->told > 1)
		return false;
	settle(m->told == 1);
	if (m->told == 1)
		limit_notices_run();
	else
		loop_timer_start(timer, RETRY_MS);
	return true;
}

static void on_timer(void *ctx)
{
	(void)ctx;
	limit_notices_run();
}

void limit_notices_start(struct usage *u, struct state_store *s)
{
	usage = u;
	store = s;
	telling = (struct telling){0};
	token = 0;
	timer = loop_timer(on_timer, NULL);
}

void limit_notices_end(void)
{
	event_free(timer);
	timer = NULL;
	usage = NULL;
	store = NULL;
}
