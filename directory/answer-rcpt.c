/* SPDX-License-Identifier: ISC
 *
 * Who an address is. What the tables cannot answer soundly is "not now", never
 * "no such mailbox".
 */
#include "common/loop.h"
#include "common/msg-queue-directory.h"
#include "directory/live.h"
#include "directory/server.h"

enum { COMPLAINT_MS = 1000 };

static struct pool *pool; /* of one answer */
static uint64_t last_complaint;

static const struct {
	enum rcpt_verdict verdict;
	const char *complaint; /* a fault of the tables */
} rows[] = {
    [EXPAND_OK] = {RCPT_LOCAL, NULL},
    [EXPAND_NOT_OURS] = {RCPT_NOT_OURS, NULL},
    [EXPAND_NO_MAILBOX] = {RCPT_NO_MAILBOX, NULL},
    [EXPAND_REFUSED] = {RCPT_REFUSED, NULL},
    [EXPAND_DANGLING] = {RCPT_TEMPORARY, "an alias leads to an address that does not exist"},
    [EXPAND_LOOP] = {RCPT_TEMPORARY, "an alias comes back to itself"},
    [EXPAND_TOO_MANY] = {RCPT_TEMPORARY, "an alias stands for too many recipients"},
    [EXPAND_TOO_DEEP] = {RCPT_TEMPORARY, "an alias is reached through too many others"},
    [EXPAND_FAILED] = {RCPT_TEMPORARY, "the tables cannot be read"},
};

/* Once a second is enough: the same fault meets every message. */
static void complain(struct str address, const struct expansion *x)
{
	struct log_event ev;
	uint64_t now = loop_now_ms();
	if (last_complaint != 0 && now - last_complaint < COMPLAINT_MS)
		return;
	last_complaint = now;
	log_begin(&ev, LOG_ERR, (struct str){NULL, 0});
	log_address(&ev, "rcpt", address);
	log_address(&ev, "at", x->text);
	log_note(&ev, str_from_cstr(rows[x->status].complaint));
	log_end(&ev);
}

static bool is_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return false;
	return s.n > 0;
}

/* False for what no parser lets through. Everything in *x lives until pool_reset. */
static bool look(struct str address, struct expansion *x)
{
	*x = (struct expansion){.status = EXPAND_FAILED, .text = address};
	if (!is_text(address))
		return false;
	if (pool == NULL)
		pool = pool_new(EXPAND_POOL_MAX);
	const struct lookup lookup = live_lookup(server_live());
	if (live_is_usable(server_live()))
		expand(&lookup, server_rules(), address, pool, x);
	/* Tables that cannot be used were reported when that began. */
	if (live_is_usable(server_live()) && rows[x->status].complaint != NULL)
		complain(address, x);
	return true;
}

static struct str words_of(const struct expansion *x)
{
	return x->status == EXPAND_REFUSED ? x->text : (struct str){NULL, 0};
}

bool answer_rcpt_query(void *ctx, const struct msg_rcpt_query *m, int *fds)
{
	struct peer *p = ctx;
	struct expansion x;
	(void)fds;
	if (!look(m->address, &x))
		return false;
	const struct msg_rcpt_answer answer = {.cookie = m->cookie,
	    .generation = server_generation(),
	    .verdict = (uint8_t)rows[x.status].verdict,
	    .text = words_of(&x),
	    .targets = x.targets,
	    .targets_count = x.count};
	msg_rcpt_answer_send(p->channel, &answer, NULL);
	pool_reset(pool);
	return true;
}

bool answer_address_query(void *ctx, const struct msg_address_query *m, int *fds)
{
	struct peer *p = ctx;
	struct expansion x;
	(void)fds;
	if (!look(m->address, &x))
		return false;
	struct route_target *targets = pool_array(pool, x.count, sizeof(*targets));
	bool ok = targets != NULL || x.count == 0;
	for (size_t i = 0; ok && i < x.count; i++)
		targets[i] = (struct route_target){.transport = x.targets[i].transport,
		    .address = x.targets[i].address,
		    .nexthop = x.targets[i].nexthop};
	const struct msg_address_answer answer = {.cookie = m->cookie,
	    .verdict = (uint8_t)(ok ? rows[x.status].verdict : RCPT_TEMPORARY),
	    .text = words_of(&x),
	    .targets = targets,
	    .targets_count = ok ? x.count : 0};
	msg_address_answer_send(p->channel, &answer, NULL);
	pool_reset(pool);
	return true;
}

void answer_rcpt_end(void)
{
	pool_free(pool);
	pool = NULL;
}
