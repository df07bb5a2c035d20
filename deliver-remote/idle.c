/* SPDX-License-Identifier: ISC
 *
 * Invariant: what is in the list by age (the newest first) is in that of its hop, too, and owned
 * by nobody else. Who gets QUIT from here leaves both and is owned by its deadline only.
 */
#include "deliver-remote/idle.h"

#include <stddef.h>

static TAILQ_HEAD(age_list, session) by_age = TAILQ_HEAD_INITIALIZER(by_age);
static size_t count;

static void take_out(struct session *s)
{
	TAILQ_REMOVE(&by_age, s, by_age);
	TAILQ_REMOVE(&s->hop->idle, s, by_hop);
	count--;
}

static void ignore(struct session *s, void *owner)
{
	(void)s;
	(void)owner;
}

static void on_over(struct session *s, void *owner)
{
	(void)owner;
	take_out(s);
}

static const struct session_events idle_events = {.on_ready = ignore, .on_over = on_over};
static const struct session_events leaving_events = {.on_ready = ignore, .on_over = ignore};

static void say_goodbye(struct session *s)
{
	session_set_owner(s, &leaving_events, NULL);
	session_quit(s);
}

size_t idle_count(void)
{
	return count;
}

static struct session *take_oldest(void)
{
	struct session *oldest = TAILQ_LAST(&by_age, age_list);
	if (oldest != NULL)
		take_out(oldest);
	return oldest;
}

bool idle_drop(void)
{
	struct session *oldest = take_oldest();
	if (oldest != NULL)
		session_leave(oldest);
	return oldest != NULL;
}

void idle_give(struct session *s, const struct policy *now)
{
	if (!session_may_send(s) || s->wish == TLS_WISH_OPTIONAL || s->policy != now ||
	    now->reuse_idle_ms == 0) {
		say_goodbye(s);
		return;
	}
	if (count >= IDLE_MAX)
		say_goodbye(take_oldest());
	session_set_owner(s, &idle_events, NULL);
	TAILQ_INSERT_HEAD(&by_age, s, by_age);
	TAILQ_INSERT_HEAD(&s->hop->idle, s, by_hop);
	count++;
	session_wait(s);
}

/* One that waited for too long may be on its way out. */
struct session *idle_take(const struct hop *hop, enum tls_wish wish)
{
	struct session *s;
	TAILQ_FOREACH(s, &hop->idle, by_hop)
	if (client_need(&s->client) == CLIENT_READY && session_fits(s, wish))
		break;
	if (s != NULL)
		take_out(s);
	return s;
}

void idle_quit(const struct policy *now)
{
	struct session *s, *next;
	for (s = TAILQ_FIRST(&by_age); s != NULL; s = next) {
		next = TAILQ_NEXT(s, by_age);
		if (now != NULL && s->policy == now && !s->hop->stale)
			continue;
		take_out(s);
		say_goodbye(s);
	}
}
