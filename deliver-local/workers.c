/* SPDX-License-Identifier: ISC
 *
 * Invariant: a worker is in `by_name` from its first part to its end. `taken` counts
 * those that have, or have asked for, a process. A part that is sent has no letter.
 * Nothing here calls a hook from within workers_deliver but for parts of that call.
 */
#include "deliver-local/workers.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-owner.h"
#include "common/msg-users.h"
#include "common/user-name.h"
#include "deliver-local/part.h"
#include "deliver-local/worker-trouble.h"

#include <stdlib.h>

enum { TICK_MS = 500 };

enum state {
	ASKING,	 /* users: who that is */
	WAITING, /* for room */
	OPENING, /* deliver-owner */
	OPEN,
	CLOSED, /* and deliver-owner has not said why */
};

struct worker {
	TAILQ_ENTRY(worker) entries;
	enum state state;
	uint32_t cookie; /* with deliver-owner */
	uint32_t uid;
	bool tired; /* something failed: the next mail gets a fresh process, which looks anew */
	uint64_t since; /* of the state, or of the last answer */
	struct channel *channel;
	struct part_list parts;
	size_t n;
	char name[USER_NAME_MAX];
};

TAILQ_HEAD(worker_list, worker);

static struct {
	struct workers_hooks hooks;
	struct channel *users, *owner;
	struct hash *by_name;
	struct worker_list list; /* the oldest first */
	size_t taken;
	uint32_t last_cookie;
	uint64_t last_number;
	struct event *timer;
} all = {.list = TAILQ_HEAD_INITIALIZER(all.list)};

static struct str name_of(const void *entry)
{
	const struct worker *w = entry;
	return str_from(w->name, w->n);
}

static bool is_taken(enum state state)
{
	return state == OPENING || state == OPEN || state == CLOSED;
}

static void set_state(struct worker *w, enum state state)
{
	all.taken -= is_taken(w->state);
	all.taken += is_taken(state);
	w->state = state;
	w->since = loop_now_ms();
}

/* --- Ends ------------------------------------------------------------------ */

static void fail_part(struct worker *w, struct part *p, const struct worker_trouble *why)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	TAILQ_REMOVE(&w->parts, p, entries);
	if (p->answered) {
		all.hooks.settled(p->delivery, false);
	} else {
		part_fill(p, results, why->outcome, why->enhanced, why->text);
		all.hooks.results(p->delivery, results, p->count, false);
	}
	part_free(p);
}

static void remove_worker(struct worker *w)
{
	struct part *p;
	all.taken -= is_taken(w->state);
	hash_take(all.by_name, name_of(w));
	TAILQ_REMOVE(&all.list, w, entries);
	while ((p = TAILQ_FIRST(&w->parts)) != NULL) {
		TAILQ_REMOVE(&w->parts, p, entries);
		part_free(p);
	}
	channel_free(w->channel);
	free(w);
}

static void log_trouble(const struct worker *w, const struct worker_trouble *why)
{
	struct log_event ev;
	log_begin(&ev, LOG_WARNING, STR(""));
	log_str(&ev, "user", name_of(w));
	log_note(&ev, str_from_cstr(why->text));
	log_end(&ev);
}

static void give_up(struct worker *w, const struct worker_trouble *why)
{
	struct part *p;
	if (!TAILQ_EMPTY(&w->parts))
		log_trouble(w, why);
	while ((p = TAILQ_FIRST(&w->parts)) != NULL)
		fail_part(w, p, why);
	remove_worker(w);
}

/* --- Processes ------------------------------------------------------------- */

/* When there is none, one without work is given up. */
static void make_room(void)
{
	struct worker *w;
	if (all.taken < WORKERS_MAX)
		return;
	TAILQ_FOREACH(w, &all.list, entries)
	if (w->state == OPEN && TAILQ_EMPTY(&w->parts)) {
		remove_worker(w);
		return;
	}
}

static void open_process(struct worker *w)
{
	const struct msg_owner_open m = {.cookie = ++all.last_cookie, .uid = w->uid};
	w->cookie = m.cookie;
	set_state(w, OPENING);
	if (all.owner != NULL)
		msg_owner_open_send(all.owner, &m, NULL);
}

static void open_or_wait(struct worker *w)
{
	make_room();
	if (all.taken >= WORKERS_MAX)
		set_state(w, WAITING);
	else
		open_process(w);
}

static void open_waiting(void)
{
	struct worker *w;
	TAILQ_FOREACH(w, &all.list, entries)
	{
		if (w->state != WAITING)
			continue;
		make_room();
		if (all.taken >= WORKERS_MAX)
			return;
		open_process(w);
	}
}

/* --- Work ------------------------------------------------------------------ */

static struct part *find_part(struct worker *w, uint64_t number)
{
	struct part *p;
	TAILQ_FOREACH(p, &w->parts, entries)
	if (p->number == number)
		return p;
	return NULL;
}

static void send_parts(struct worker *w)
{
	struct part *p;
	TAILQ_FOREACH(p, &w->parts, entries)
	{
		if (p->letter == NULL)
			continue;
		letter_send(p->letter, w->channel, p->number, p->targets, p->count);
		letter_drop(p->letter);
		p->letter = NULL;
	}
}

/* After a part has ended: others may have the place. The worker may be gone on return. */
static void rest(struct worker *w)
{
	if (w->tired && TAILQ_EMPTY(&w->parts))
		remove_worker(w);
	open_waiting();
}

static bool on_local_results(void *ctx, const struct msg_local_results *m, int *fds)
{
	struct worker *w = ctx;
	struct part *p = find_part(w, m->delivery);
	(void)fds;
	if (p == NULL || p->answered || !part_may_be(p, m->results, m->results_count))
		return false;
	bool visible = part_any(m->results, m->results_count, DELIVERY_VISIBLE);
	w->since = loop_now_ms();
	w->tired = w->tired || part_any(m->results, m->results_count, DELIVERY_DEFERRED);
	p->answered = true;
	all.hooks.results(p->delivery, m->results, m->results_count, visible);
	if (!visible) {
		TAILQ_REMOVE(&w->parts, p, entries);
		part_free(p);
	}
	rest(w);
	return true;
}

static bool settle(struct worker *w, const struct delivery_ref *refs, size_t n, bool durable)
{
	for (size_t i = 0; i < n; i++) {
		struct part *p = find_part(w, refs[i].delivery);
		if (p == NULL || !p->answered)
			return false;
		TAILQ_REMOVE(&w->parts, p, entries);
		all.hooks.settled(p->delivery, durable);
		part_free(p);
	}
	w->since = loop_now_ms();
	rest(w);
	return true;
}

static bool on_durable(void *ctx, const struct msg_durable *m, int *fds)
{
	(void)fds;
	return settle(ctx, m->deliveries, m->deliveries_count, true);
}

static bool on_not_durable(void *ctx, const struct msg_not_durable *m, int *fds)
{
	(void)fds;
	return settle(ctx, m->deliveries, m->deliveries_count, false);
}

static const struct queue_local_client_handlers worker_handlers = {
    .local_results = on_local_results,
    .durable = on_durable,
    .not_durable = on_not_durable,
};

static void on_worker_closed(void *ctx, struct channel *channel, const char *why)
{
	struct worker *w = ctx;
	log_debug("a user's process is gone: %s", why);
	channel_free(channel);
	w->channel = NULL;
	set_state(w, CLOSED);
}

/* --- Answers ---------------------------------------------------------------- */

static struct worker *find_cookie(uint32_t cookie)
{
	struct worker *w;
	TAILQ_FOREACH(w, &all.list, entries)
	if (is_taken(w->state) && w->cookie == cookie)
		return w;
	return NULL;
}

static bool on_owner_opened(void *ctx, const struct msg_owner_opened *m, int *fds)
{
	struct worker *w = find_cookie(m->cookie);
	(void)ctx;
	if (w == NULL || w->state != OPENING)
		return true; /* given up meanwhile: the descriptor is closed, the process ends */
	set_state(w, OPEN);
	w->channel =
	    channel_new(fds[0], &queue_local_client, &worker_handlers, w, on_worker_closed);
	fds[0] = -1;
	send_parts(w);
	return true;
}

static bool on_owner_refused(void *ctx, const struct msg_owner_refused *m, int *fds)
{
	struct worker *w = find_cookie(m->cookie);
	(void)ctx;
	(void)fds;
	if (w != NULL && w->state == OPENING)
		give_up(w, worker_refused((enum owner_verdict)m->verdict));
	open_waiting();
	return true;
}

static bool on_owner_ended(void *ctx, const struct msg_owner_ended *m, int *fds)
{
	struct worker *w = find_cookie(m->cookie);
	(void)ctx;
	(void)fds;
	if (w != NULL)
		give_up(w, worker_ended((enum owner_trouble)m->trouble));
	open_waiting();
	return true;
}

static const struct owner_client_handlers owner_handlers = {.owner_opened = on_owner_opened,
    .owner_refused = on_owner_refused,
    .owner_ended = on_owner_ended};

static void on_owner_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_debug("the channel to deliver-owner is closed: %s", why);
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
		msg_user_query_send(all.users, &(struct msg_user_query){name_of(w)}, NULL);
}

static bool on_user_answer(void *ctx, const struct msg_user_answer *m, int *fds)
{
	struct worker *w = hash_find(all.by_name, m->name);
	(void)ctx;
	(void)fds;
	if (w == NULL || w->state != ASKING)
		return true;
	w->uid = m->uid;
	if (m->verdict == USER_FOUND)
		open_or_wait(w);
	else
		give_up(w, worker_no_user((enum user_verdict)m->verdict));
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
	log_debug("the channel to users is closed: %s", why);
	channel_free(channel);
	all.users = NULL;
}

void workers_set_users(int fd)
{
	struct worker *w;
	channel_free(all.users);
	all.users = channel_new(fd, &users_client, &users_handlers, NULL, on_users_closed);
	TAILQ_FOREACH(w, &all.list, entries)
	if (w->state == ASKING)
		ask_user(w);
}

/* --- Time ------------------------------------------------------------------ */

static const struct worker_trouble *overdue(const struct worker *w, uint64_t age)
{
	switch (w->state) {
	case ASKING:
		return age >= WORKERS_OPEN_MS ? worker_no_user(USER_FAILED) : NULL;
	case WAITING:
		return age >= WORKERS_WAIT_MS ? &worker_no_room : NULL;
	case OPENING:
		return age >= WORKERS_OPEN_MS ? worker_refused(OWNER_BUSY) : NULL;
	case OPEN:
		if (TAILQ_EMPTY(&w->parts))
			return age >= WORKERS_IDLE_MS ? &worker_slow : NULL;
		return age >= WORKERS_WORK_MS ? &worker_slow : NULL;
	case CLOSED:
		return age >= WORKERS_END_MS ? worker_ended(0) : NULL;
	}
	return NULL;
}

static void on_tick(void *ctx)
{
	struct worker *w, *next;
	uint64_t now = loop_now_ms();
	(void)ctx;
	for (w = TAILQ_FIRST(&all.list); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entries);
		const struct worker_trouble *why = overdue(w, now - w->since);
		if (why != NULL)
			give_up(w, why);
	}
	open_waiting();
	if (!TAILQ_EMPTY(&all.list))
		loop_timer_start(all.timer, TICK_MS);
}

/* --- From above ------------------------------------------------------------ */

static struct worker *new_worker(struct str name)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	*w = (struct worker){.state = ASKING, .n = name.n, .since = loop_now_ms()};
	memcpy(w->name, name.p, name.n);
	TAILQ_INIT(&w->parts);
	if (TAILQ_EMPTY(&all.list))
		loop_timer_start(all.timer, TICK_MS);
	TAILQ_INSERT_TAIL(&all.list, w, entries);
	hash_put(all.by_name, w);
	return w;
}

static void refuse(const struct local_delivery *to, const struct worker_trouble *why)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	const struct part p = {.targets = to->targets, .count = to->targets_count};
	part_fill(&p, results, why->outcome, why->enhanced, why->text);
	all.hooks.results(to->delivery, results, p.count, false);
}

void workers_deliver(struct str name, const struct local_delivery *to, struct letter *letter)
{
	if (!user_name_is_sane(name)) {
		refuse(to, worker_no_user(USER_NONE));
		return;
	}
	struct worker *w = hash_find(all.by_name, name);
	bool fresh = w == NULL;
	if (fresh)
		w = new_worker(name);
	/* Its time begins with the first that waits for it. */
	if (w->state == OPEN && TAILQ_EMPTY(&w->parts))
		w->since = loop_now_ms();
	struct part *p = part_new(++all.last_number, to, letter);
	TAILQ_INSERT_TAIL(&w->parts, p, entries);
	if (fresh)
		ask_user(w);
	else if (w->state == OPEN)
		send_parts(w);
}

void workers_forget(void)
{
	while (!TAILQ_EMPTY(&all.list))
		remove_worker(TAILQ_FIRST(&all.list));
}

size_t workers_count(void)
{
	return hash_count(all.by_name);
}

void workers_start(const struct workers_hooks *hooks)
{
	all.hooks = *hooks;
	all.by_name = hash_new(name_of);
	all.timer = loop_timer(on_tick, NULL);
}
