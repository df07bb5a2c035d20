/* SPDX-License-Identifier: ISC
 *
 * Until the process says that it has begun, the client's socket is kept here too, so
 * that somebody can say why it did not.
 */
#include "pop3d/system-sessions.h"
#include "common/answers.h"
#include "common/channel.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-owner.h"
#include "common/msg-session-child.h"

#include <stdlib.h>
#include <sys/queue.h>

enum { TICK_MS = 1000 };

struct session {
	LIST_ENTRY(session) entries;
	struct session_request *request;
	struct str address; /* owned */
	uint32_t cookie;
	struct channel *channel; /* NULL: not there yet, or gone */
	bool started;
	uint64_t end; /* must have started by then */
};

static LIST_HEAD(, session) all = LIST_HEAD_INITIALIZER(all);
static struct channel *owner;
static uint32_t last_cookie;
static struct event *timer;

static const char *const troubles[TROUBLE_COUNT] = {
    [0] = "the mailbox cannot be opened now",
    [TROUBLE_HOME] = "the home directory cannot be opened",
    [TROUBLE_HOME_OWNER] = "the home directory belongs to somebody else",
    [TROUBLE_HOME_WRITABLE] = "others may write to the home directory",
    [TROUBLE_MAILBOX] = "the Maildir cannot be opened",
    [TROUBLE_MAILBOX_OWNER] = "the Maildir belongs to somebody else, or others may write to it",
    [TROUBLE_MAILBOX_LINK] = "there is a symbolic link in the path of the Maildir",
    [TROUBLE_SPACE] = "the Maildir cannot be made: the disk is full",
};

static void free_session(struct session *s)
{
	LIST_REMOVE(s, entries);
	channel_free(s->channel);
	free((char *)(uintptr_t)s->address.p);
	free(s);
}

static void refuse(struct session *s, const char *why)
{
	session_request_refuse(s->request, why);
	free_session(s);
}

/* Without its channel a process that works ends by itself; one that was taken over does not, and
 * would keep its client uncounted. */
static void end_process(const struct session *s)
{
	if (owner != NULL)
		msg_owner_close_send(owner, &(struct msg_owner_close){s->cookie}, NULL);
}

/* One that has not started needs words; pop3d-owner may still have better ones. */
static void on_session_closed(void *ctx, struct channel *channel, const char *why)
{
	struct session *s = ctx;
	log_debug("the channel to a session's process is closed: %s", why);
	channel_free(channel);
	s->channel = NULL;
	end_process(s);
	if (!s->started)
		return;
	session_request_end(s->request);
	free_session(s);
}

static bool on_session_started(void *ctx, const struct msg_session_started *m, int *fds)
{
	struct session *s = ctx;
	(void)m;
	(void)fds;
	if (s->started)
		return false;
	s->started = true;
	session_request_let_go(s->request);
	return true;
}

static const struct session_child_client_handlers session_handlers = {
    .session_started = on_session_started};

static struct session *find(uint32_t cookie)
{
	struct session *s;
	LIST_FOREACH(s, &all, entries)
	if (s->cookie == cookie)
		return s;
	return NULL;
}

static bool on_owner_opened(void *ctx, const struct msg_owner_opened *m, int *fds)
{
	struct session *s = find(m->cookie);
	(void)ctx;
	if (s == NULL || s->channel != NULL)
		return true; /* the descriptor is closed, and the process ends */
	s->channel =
	    channel_new(fds[0], &session_child_client, &session_handlers, s, on_session_closed);
	fds[0] = -1;
	session_request_send(s->request, s->address, s->channel);
	return true;
}

static bool on_owner_refused(void *ctx, const struct msg_owner_refused *m, int *fds)
{
	struct session *s = find(m->cookie);
	(void)ctx;
	(void)fds;
	if (s != NULL && !s->started)
		refuse(s, m->verdict == OWNER_BUSY ? "too many mailboxes are open, try again later"
						   : "there is no mailbox for this user");
	return true;
}

static bool on_owner_ended(void *ctx, const struct msg_owner_ended *m, int *fds)
{
	struct session *s = find(m->cookie);
	(void)ctx;
	(void)fds;
	if (s != NULL && !s->started)
		refuse(s, troubles[m->trouble < TROUBLE_COUNT ? m->trouble : 0]);
	return true;
}

static const struct owner_client_handlers owner_handlers = {.owner_opened = on_owner_opened,
    .owner_refused = on_owner_refused,
    .owner_ended = on_owner_ended};

static void on_owner_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(
	    channel_loss_level(channel), "the channel to pop3d-owner is closed: %s", why);
	channel_free(channel);
	owner = NULL;
}

void system_sessions_peer(int fd)
{
	channel_free(owner);
	owner = channel_new(fd, &owner_client, &owner_handlers, NULL, on_owner_closed);
}

static void on_tick(void *ctx)
{
	struct session *s, *next;
	uint64_t now = loop_now_ms();
	bool any = false;
	(void)ctx;
	for (s = LIST_FIRST(&all); s != NULL; s = next) {
		next = LIST_NEXT(s, entries);
		if (!s->started && now >= s->end) {
			end_process(s);
			refuse(s, troubles[0]);
		} else {
			any = any || !s->started;
		}
	}
	if (any)
		loop_timer_start(timer, TICK_MS);
}

void system_sessions_init(void)
{
	timer = loop_timer(on_tick, NULL);
}

void system_session_start(struct session_request *request, struct str address, uint32_t uid)
{
	const struct msg_owner_open m = {.cookie = ++last_cookie, .uid = uid};
	if (!session_request_count(request))
		return;
	struct session *s = xcalloc(1, sizeof(*s));
	*s = (struct session){.request = request,
	    .address = {str_dup(address), address.n},
	    .cookie = m.cookie,
	    .end = loop_now_ms() + SYSTEM_SESSION_OPEN_MS};
	LIST_INSERT_HEAD(&all, s, entries);
	if (owner == NULL || !msg_owner_open_send(owner, &m, NULL))
		refuse(s, troubles[0]);
	else
		loop_timer_start(timer, TICK_MS);
}
