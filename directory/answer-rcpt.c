/* SPDX-License-Identifier: ISC
 *
 * Who an address is. What the tables cannot answer soundly is "not now", never
 * "no such mailbox".
 */
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-queue-directory.h"
#include "directory/live.h"
#include "directory/server.h"
#include "directory/system-lookup.h"
#include "directory/system-users.h"

#include <stdlib.h>

/* An alias may have as many users of the machine as it may have targets; each is asked once. */
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
    [EXPAND_FAILED] = {RCPT_TEMPORARY, "the tables, or the users of the machine, cannot be read"},
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

/* Everything in *x lives until pool_reset. Returns the user who must be known first; else all is
 * said. */
static struct str look(struct str address, struct expansion *x)
{
	struct system_lookup s = {
	    .tables = live_lookup(server_live()), .conf = server_rules()->conf, .look = system_users_exist};
	const struct lookup lookup = system_lookup_get(&s);
	*x = (struct expansion){.status = EXPAND_FAILED, .text = address};
	if (pool == NULL)
		pool = pool_new(EXPAND_POOL_MAX);
	if (live_is_usable(server_live()))
		expand(&lookup, server_rules(), address, pool, x);
	/* Tables that cannot be used were reported when that began. */
	if (live_is_usable(server_live()) && s.missing.n == 0 && rows[x->status].complaint != NULL)
		complain(address, x);
	return s.missing;
}

static struct str words_of(const struct expansion *x)
{
	return x->status == EXPAND_REFUSED ? x->text : (struct str){NULL, 0};
}

static void send_rcpt(struct peer *p, uint32_t cookie, const struct expansion *x)
{
	const struct msg_rcpt_answer answer = {.cookie = cookie,
	    .generation = server_generation(),
	    .verdict = (uint8_t)rows[x->status].verdict,
	    .text = words_of(x),
	    .targets = x->targets,
	    .targets_count = x->count};
	msg_rcpt_answer_send(p->channel, &answer, NULL);
}

static void send_address(struct peer *p, uint32_t cookie, const struct expansion *x)
{
	struct route_target *targets = pool_array(pool, x->count, sizeof(*targets));
	bool ok = targets != NULL || x->count == 0;
	for (size_t i = 0; ok && i < x->count; i++)
		targets[i] = (struct route_target){.transport = x->targets[i].transport,
		    .address = x->targets[i].address,
		    .nexthop = x->targets[i].nexthop};
	const struct msg_address_answer answer = {.cookie = cookie,
	    .verdict = (uint8_t)(ok ? rows[x->status].verdict : RCPT_TEMPORARY),
	    .text = words_of(x),
	    .targets = targets,
	    .targets_count = ok ? x->count : 0};
	msg_address_answer_send(p->channel, &answer, NULL);
}

typedef void send_fn(struct peer *p, uint32_t cookie, const struct expansion *x);

/* A question that waits until a user of the machine is known. */
struct waiting {
	struct system_wait wait; /* first */
	uint64_t peer;
	uint32_t cookie;
	send_fn *send;
	size_t n;
	char address[ADDRESS_MAX];
};

static void look_again(struct system_wait *wait);

static bool wait_for(struct waiting *w, struct str user)
{
	w->wait.fn = look_again;
	return system_users_wait(&w->wait, user);
}

static void look_again(struct system_wait *wait)
{
	struct waiting *w = (struct waiting *)wait;
	struct peer *p = server_find_serial(w->peer);
	struct expansion x;
	struct str missing = {NULL, 0};
	if (p != NULL) {
		missing = look(str_from(w->address, w->n), &x);
		if (missing.n > 0 && wait_for(w, missing)) {
			pool_reset(pool);
			return;
		}
		w->send(p, w->cookie, &x);
		pool_reset(pool);
	}
	free(w);
}

static void begin_waiting(struct peer *p, uint32_t cookie, send_fn *send, struct str address,
    struct str missing, const struct expansion *x)
{
	struct waiting *w = xcalloc(1, sizeof(*w));
	*w = (struct waiting){.peer = p->serial, .cookie = cookie, .send = send, .n = address.n};
	memcpy(w->address, address.p, address.n);
	if (wait_for(w, missing))
		return;
	free(w);
	send(p, cookie, x);
}

/* False for what no parser lets through. */
static bool answer(struct peer *p, uint32_t cookie, send_fn *send, struct str address)
{
	struct expansion x;
	if (!is_text(address))
		return false;
	struct str missing = look(address, &x);
	if (missing.n > 0)
		begin_waiting(p, cookie, send, address, missing, &x);
	else
		send(p, cookie, &x);
	pool_reset(pool);
	return true;
}

bool answer_rcpt_query(void *ctx, const struct msg_rcpt_query *m, int *fds)
{
	(void)fds;
	return answer(ctx, m->cookie, send_rcpt, m->address);
}

bool answer_address_query(void *ctx, const struct msg_address_query *m, int *fds)
{
	(void)fds;
	return answer(ctx, m->cookie, send_address, m->address);
}

void answer_rcpt_end(void)
{
	pool_free(pool);
	pool = NULL;
}
