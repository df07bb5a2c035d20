/* SPDX-License-Identifier: ISC
 *
 * Whoever waits for a name waits for an `entry` that is asked and not answered. When it is
 * forgotten meanwhile the waiter is called, looks again, and asks again.
 */
#include "directory/system-users.h"
#include "common/channel.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-users.h"

#include <stdlib.h>

enum { TICK_MS = 1000 };

struct entry {
	char name[USER_NAME_MAX];
	size_t n;
	enum user_verdict verdict; /* 0: asked */
	uint32_t uid;
	uint64_t until;
};

TAILQ_HEAD(wait_list, system_wait);

static struct {
	struct channel *users;
	struct hash *entries;
	struct wait_list waiting;
	size_t waiting_count;
	struct event *timer;
	void (*changed)(void);
} all;

static struct str name_of(const void *entry)
{
	const struct entry *e = entry;
	return str_from(e->name, e->n);
}

static void free_entry(void *entry, void *ctx)
{
	(void)ctx;
	free(entry);
}

static void forget_all(void)
{
	hash_each(all.entries, free_entry, NULL);
	hash_clear(all.entries);
}

static void log_below(struct str name)
{
	struct log_event ev;
	log_begin(&ev, LOG_NOTICE, STR(""));
	log_str(&ev, "user", name);
	log_note(
	    &ev, STR("gets no mail as itself, since its uid is not within uid-min and uid-max: "
		     "an alias may say where its mail goes"));
	log_end(&ev);
}

static void settle(struct entry *e, enum user_verdict verdict, uint32_t uid)
{
	bool failed = verdict == USER_FAILED;
	e->verdict = verdict;
	e->uid = uid;
	e->until = loop_now_ms() + (failed ? SYSTEM_USERS_FAILED_MS : SYSTEM_USERS_KEEP_MS);
	if (verdict == USER_BELOW)
		log_below(name_of(e));
}

/* Calls those whose name is known now, or whose time is over. */
static void call_waiters(void)
{
	struct wait_list ready = TAILQ_HEAD_INITIALIZER(ready);
	struct system_wait *w, *next;
	uint64_t now = loop_now_ms();
	for (w = TAILQ_FIRST(&all.waiting); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entries);
		struct entry *e = hash_find(all.entries, str_from(w->name, w->n));
		if (e != NULL && e->verdict == 0 && now >= w->end)
			settle(e, USER_FAILED, 0);
		if (e != NULL && e->verdict == 0)
			continue;
		TAILQ_REMOVE(&all.waiting, w, entries);
		TAILQ_INSERT_TAIL(&ready, w, entries);
		all.waiting_count--;
	}
	while ((w = TAILQ_FIRST(&ready)) != NULL) {
		TAILQ_REMOVE(&ready, w, entries);
		w->fn(w);
	}
}

static void fail_asked(void *entry, void *ctx)
{
	struct entry *e = entry;
	(void)ctx;
	if (e->verdict == 0)
		settle(e, USER_FAILED, 0);
}

static void on_tick(void *ctx)
{
	(void)ctx;
	call_waiters();
	if (all.waiting_count > 0)
		loop_timer_start(all.timer, TICK_MS);
}

static bool on_user_answer(void *ctx, const struct msg_user_answer *m, int *fds)
{
	struct entry *e = hash_find(all.entries, m->name);
	(void)ctx;
	(void)fds;
	if (m->verdict < USER_FOUND || m->verdict > USER_FAILED)
		return false;
	if (e != NULL && e->verdict == 0)
		settle(e, (enum user_verdict)m->verdict, m->uid);
	call_waiters();
	return true;
}

static bool on_users_changed(void *ctx, const struct msg_users_changed *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	forget_all();
	all.changed();
	call_waiters();
	return true;
}

static const struct users_client_handlers handlers = {
    .user_answer = on_user_answer, .users_changed = on_users_changed};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel), "the channel to users is closed: %s", why);
	channel_free(channel);
	all.users = NULL;
	hash_each(all.entries, fail_asked, NULL);
	call_waiters();
}

void system_users_start(void (*changed)(void))
{
	all.entries = hash_new(name_of);
	TAILQ_INIT(&all.waiting);
	all.changed = changed;
	all.timer = loop_timer(on_tick, NULL);
}

void system_users_end(void)
{
	channel_free(all.users);
	all.users = NULL;
	hash_each(all.entries, fail_asked, NULL);
	call_waiters();
	forget_all();
	hash_free(all.entries);
	event_free(all.timer);
	all.entries = NULL;
}

void system_users_peer(int fd)
{
	if (all.users != NULL)
		on_closed(NULL, all.users, "there is a new one");
	all.users = channel_new(fd, &users_client, &handlers, NULL, on_closed);
}

static void ask(struct entry *e)
{
	const struct msg_user_query m = {.name = name_of(e)};
	if (all.users == NULL || !msg_user_query_send(all.users, &m, NULL))
		settle(e, USER_FAILED, 0);
}

static struct entry *new_entry(struct str name)
{
	struct entry *e = xcalloc(1, sizeof(*e));
	*e = (struct entry){.n = name.n};
	memcpy(e->name, name.p, name.n);
	return e;
}

static void make_room(void)
{
	if (hash_count(all.entries) < SYSTEM_USERS_MAX)
		return;
	forget_all();
	loop_timer_start(all.timer, 0);
}

enum user_verdict system_users_look(struct str name, uint32_t *uid)
{
	*uid = 0;
	if (name.n == 0 || name.n > USER_NAME_MAX)
		return USER_NONE;
	struct entry *e = hash_find(all.entries, name);
	if (e == NULL || (e->verdict != 0 && loop_now_ms() >= e->until))
		return 0;
	*uid = e->uid;
	return e->verdict;
}

enum user_verdict system_users_exist(void *ctx, struct str name)
{
	uint32_t uid;
	(void)ctx;
	return system_users_look(name, &uid);
}

bool system_users_wait(struct system_wait *w, struct str name)
{
	if (w->times >= SYSTEM_USERS_TIMES_MAX || all.waiting_count >= SYSTEM_USERS_WAITERS_MAX ||
	    name.n > USER_NAME_MAX)
		return false;
	w->times++;
	make_room();
	struct entry *e = hash_find(all.entries, name);
	bool stale = e != NULL && e->verdict != 0 && loop_now_ms() >= e->until;
	if (stale) {
		hash_take(all.entries, name);
		free(e);
	}
	if (e == NULL || stale) {
		e = new_entry(name);
		hash_put(all.entries, e);
		ask(e);
	}
	memcpy(w->name, name.p, name.n);
	w->n = name.n;
	w->end = loop_now_ms() + SYSTEM_USERS_WAIT_MS;
	TAILQ_INSERT_TAIL(&all.waiting, w, entries);
	all.waiting_count++;
	if (e->verdict != 0 || all.waiting_count == 1)
		loop_timer_start(all.timer, e->verdict != 0 ? 0 : TICK_MS);
	return true;
}
