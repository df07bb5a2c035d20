/* SPDX-License-Identifier: ISC
 *
 * Who has a process, and how it comes by one. Nothing here calls a hook from within
 * workers_deliver but for parts of that call.
 */
#include "deliver-local/workers.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/msg-owner.h"
#include "common/msg-users.h"
#include "common/user-name.h"
#include "deliver-local/worker.h"

enum { TICK_MS = 500 };

static struct {
	struct channel *users, *owner;
	uint32_t last_cookie;
	uint64_t last_number;
	struct event *timer;
} all;

/* --- Processes ------------------------------------------------------------- */

/* When there is none, one without work is given up. */
static void make_room(void)
{
	struct worker *w;
	if (worker_set.taken < WORKERS_MAX)
		return;
	TAILQ_FOREACH(w, &worker_set.list, entries)
	if (w->state == WORKER_OPEN && TAILQ_EMPTY(&w->parts)) {
		worker_remove(w);
		return;
	}
}

/* A user may have stopped the process, which then would not see its channel close. */
static void end_process(uint32_t cookie)
{
	if (all.owner != NULL)
		msg_owner_close_send(all.owner, &(struct msg_owner_close){cookie}, NULL);
}

static void open_process(struct worker *w)
{
	const struct msg_owner_open m = {.cookie = ++all.last_cookie, .uid = w->uid};
	w->cookie = m.cookie;
	worker_set_state(w, WORKER_OPENING);
	if (all.owner != NULL)
		msg_owner_open_send(all.owner, &m, NULL);
}

static void open_or_wait(struct worker *w)
{
	make_room();
	if (worker_set.taken >= WORKERS_MAX)
		worker_set_state(w, WORKER_WAITING);
	else
		open_process(w);
}

static void open_waiting(void)
{
	struct worker *w;
	TAILQ_FOREACH(w, &worker_set.list, entries)
	{
		if (w->state != WORKER_WAITING)
			continue;
		make_room();
		if (worker_set.taken >= WORKERS_MAX)
			return;
		open_process(w);
	}
}

/* --- Answers ---------------------------------------------------------------- */

static struct worker *find_cookie(uint32_t cookie)
{
	struct worker *w;
	TAILQ_FOREACH(w, &worker_set.list, entries)
	if (worker_is_taken(w->state) && w->cookie == cookie)
		return w;
	return NULL;
}

static bool on_owner_opened(void *ctx, const struct msg_owner_opened *m, int *fds)
{
	struct worker *w = find_cookie(m->cookie);
	(void)ctx;
	if (w == NULL || w->state != WORKER_OPENING)
		return true; /* given up meanwhile: the descriptor is closed, the process ends */
	worker_open(w, fds[0]);
	fds[0] = -1;
	return true;
}

static bool on_owner_refused(void *ctx, const struct msg_owner_refused *m, int *fds)
{
	struct worker *w = find_cookie(m->cookie);
	(void)ctx;
	(void)fds;
	if (w != NULL && w->state == WORKER_OPENING)
		worker_give_up(w, worker_refused((enum owner_verdict)m->verdict));
	open_waiting();
	return true;
}

static bool on_owner_ended(void *ctx, const struct msg_owner_ended *m, int *fds)
{
	struct worker *w = find_cookie(m->cookie);
	(void)ctx;
	(void)fds;
	if (w != NULL)
		worker_give_up(w, worker_ended((enum owner_trouble)m->trouble));
	open_waiting();
	return true;
}

static const struct owner_client_handlers owner_handlers = {.owner_opened = on_owner_opened,
    .owner_refused = on_owner_refused,
    .owner_ended = on_owner_ended};

static void on_owner_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(
	    channel_loss_level(channel), "the channel to deliver-owner is closed: %s", why);
	channel_free(channel);
	all.owner = NULL;
}

void workers_set_owner(int fd)
{
	channel_free(all.owner);
	all.owner = channel_new(fd, &owner_client, &owner_handlers, NULL, on_owner_closed);
}

/* --- Users ----------------------------------------------------------------- */

static void ask_user(const struct worker *w)
{
	if (all.users != NULL)
		msg_user_query_send(all.users, &(struct msg_user_query){worker_name(w)}, NULL);
}

static bool on_user_answer(void *ctx, const struct msg_user_answer *m, int *fds)
{
	struct worker *w = hash_find(worker_set.by_name, m->name);
	(void)ctx;
	(void)fds;
	if (w == NULL || w->state != WORKER_ASKING)
		return true;
	w->uid = m->uid;
	if (m->verdict == USER_FOUND)
		open_or_wait(w);
	else
		worker_give_up(w, worker_no_user((enum user_verdict)m->verdict));
	return true;
}

/* Processes that are there are of users as they were some seconds ago. */
static bool on_users_changed(void *ctx, const struct msg_users_changed *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct users_client_handlers users_handlers = {
    .user_answer = on_user_answer, .users_changed = on_users_changed};

static void on_users_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel), "the channel to users is closed: %s", why);
	channel_free(channel);
	all.users = NULL;
}

void workers_set_users(int fd)
{
	struct worker *w;
	channel_free(all.users);
	all.users = channel_new(fd, &users_client, &users_handlers, NULL, on_users_closed);
	TAILQ_FOREACH(w, &worker_set.list, entries)
	if (w->state == WORKER_ASKING)
		ask_user(w);
}

/* --- Time ------------------------------------------------------------------ */

static const struct worker_trouble *overdue(const struct worker *w, uint64_t age)
{
	switch (w->state) {
	case WORKER_ASKING:
		return age >= WORKERS_OPEN_MS ? worker_no_user(USER_FAILED) : NULL;
	case WORKER_WAITING:
		return age >= WORKERS_WAIT_MS ? &worker_no_room : NULL;
	case WORKER_OPENING:
		return age >= WORKERS_OPEN_MS ? worker_refused(OWNER_BUSY) : NULL;
	case WORKER_OPEN:
		if (TAILQ_EMPTY(&w->parts))
			return age >= WORKERS_IDLE_MS ? &worker_slow : NULL;
		return age >= WORKERS_WORK_MS ? &worker_slow : NULL;
	case WORKER_CLOSED:
		return age >= WORKERS_END_MS ? worker_ended(0) : NULL;
	}
	return NULL;
}

static void on_tick(void *ctx)
{
	struct worker *w, *next;
	uint64_t now = loop_now_ms();
	(void)ctx;
	for (w = TAILQ_FIRST(&worker_set.list); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entries);
		const struct worker_trouble *why = overdue(w, now - w->since);
		if (why != NULL)
			worker_give_up(w, why);
	}
	open_waiting();
	if (!TAILQ_EMPTY(&worker_set.list))
		loop_timer_start(all.timer, TICK_MS);
}

/* --- From above ------------------------------------------------------------ */

static void refuse(const struct local_delivery *to, const struct worker_trouble *why)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	const struct part p = {.targets = to->targets, .count = to->targets_count};
	part_fill(&p, results, why->outcome, why->enhanced, why->text);
	worker_set.hooks.results(to->delivery, results, p.count, false);
}

void workers_deliver(struct str name, const struct local_delivery *to, struct letter *letter)
{
	if (!user_name_is_sane(name)) {
		refuse(to, worker_no_user(USER_NONE));
		return;
	}
	struct worker *w = hash_find(worker_set.by_name, name);
	bool fresh = w == NULL;
	if (fresh && TAILQ_EMPTY(&worker_set.list))
		loop_timer_start(all.timer, TICK_MS);
	if (fresh)
		w = worker_new(name);
	/* Its time begins with the first that waits for it. */
	if (w->state == WORKER_OPEN && TAILQ_EMPTY(&w->parts))
		w->since = loop_now_ms();
	struct part *p = part_new(++all.last_number, to, letter);
	TAILQ_INSERT_TAIL(&w->parts, p, entries);
	if (fresh)
		ask_user(w);
	else if (w->state == WORKER_OPEN)
		worker_send_parts(w);
}

void workers_forget(void)
{
	while (!TAILQ_EMPTY(&worker_set.list))
		worker_remove(TAILQ_FIRST(&worker_set.list));
}

size_t workers_count(void)
{
	return hash_count(worker_set.by_name);
}

void workers_start(const struct workers_hooks *hooks)
{
	worker_set.hooks = *hooks;
	worker_set.room = open_waiting;
	worker_set.end = end_process;
	worker_set.by_name = hash_new(worker_name);
	all.timer = loop_timer(on_tick, NULL);
}
