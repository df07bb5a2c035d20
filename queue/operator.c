/* SPDX-License-Identifier: ISC
 *
 * Connections of operators, and the order of their asks.
 *
 * Invariant: while a connection has asks its timer runs; pump() answers until the
 * channel holds OPERATOR_BACKLOG octets or PUMP_STEPS pieces are out.
 */
#include "queue/operator-internal.h"
#include "queue/survey.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PUMP_STEPS = 64, PUMP_WAIT_MS = 5, ACCEPTS_PER_ROUND = 8 };

static const struct {
	ask_step_fn *step;
	bool for_everybody;
} kinds[] = {
    [ASK_LIST] = {ask_list_step, true},
    [ASK_SHOW] = {ask_show_step, false},
    [ASK_STATS] = {ask_stats_step, true},
    [ASK_FLUSH] = {ask_flush_step, false},
    [ASK_HOLD] = {ask_hold_step, false},
    [ASK_RELEASE] = {ask_release_step, false},
    [ASK_DELETE] = {ask_delete_step, false},
    [ASK_DESTINATIONS] = {ask_destinations_step, true},
    [ASK_RECENT] = {ask_recent_step, true},
};

/* --- connections -------------------------------------------------------- */

static void forget_first(struct operator_connection *c)
{
	filter_free(c->asks[c->first].filter);
	survey_free(c->asks[c->first].survey);
	c->first = (c->first + 1) % OPERATOR_ASKS_MAX;
	c->count--;
}

static void drop(struct operator_connection *c)
{
	struct operator_connection **at = &c->all->connections;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->all->count--;
	while (c->count > 0)
		forget_first(c);
	channel_free(c->channel);
	event_free(c->timer);
	free(c);
}

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)channel;
	log_debug("operator: %s", why);
	drop(ctx);
}

static bool is_privileged(const struct operator_connection *c)
{
	return c->uid == 0 || c->uid == c->all->own_uid;
}

/* --- asks --------------------------------------------------------------- */

bool ask_end(struct operator_connection *c, const char *problem)
{
	const struct msg_queue_end m = {.ok = problem == NULL, .text = str_from_cstr(problem)};
	msg_queue_end_send(c->channel, &m, NULL);
	return true;
}

static bool ask_deny(struct operator_connection *c)
{
	const struct msg_queue_end m = {
	    .denied = 1, .text = STR("only root and the user of the suite may do this")};
	msg_queue_end_send(c->channel, &m, NULL);
	return true;
}

static void step(struct operator_connection *c)
{
	struct ask *ask = &c->asks[c->first];
	bool done = kinds[ask->kind].for_everybody || is_privileged(c)
			? kinds[ask->kind].step(c, ask)
			: ask_deny(c);
	if (done)
		forget_first(c);
}

static void pump(struct operator_connection *c)
{
	for (int i = 0; i < PUMP_STEPS && c->count > 0 && !channel_is_closed(c->channel) &&
			channel_backlog(c->channel) < OPERATOR_BACKLOG;
	     i++) {
		step(c);
		c->last_progress = loop_now_ms();
	}
	size_t backlog = channel_backlog(c->channel);
	if (backlog < c->last_backlog)
		c->last_progress = loop_now_ms();
	c->last_backlog = backlog;
}

/* Also watches over idleness; the channel's own end is told by on_closed. */
static void on_timer(void *ctx)
{
	struct operator_connection *c = ctx;
	if (channel_is_closed(c->channel))
		return;
	pump(c);
	if (c->last_progress + OPERATOR_IDLE_MS <= loop_now_ms()) {
		drop(c);
		return;
	}
	if (c->count == 0)
		loop_timer_start(c->timer, OPERATOR_IDLE_MS);
	else
		loop_timer_start(c->timer, c->last_backlog < OPERATOR_BACKLOG ? 0 : PUMP_WAIT_MS);
}

static bool ask(struct operator_connection *c, struct ask what)
{
	if (c->count == OPERATOR_ASKS_MAX) {
		filter_free(what.filter);
		return false;
	}
	c->asks[(c->first + c->count++) % OPERATOR_ASKS_MAX] = what;
	c->last_progress = loop_now_ms();
	loop_timer_start(c->timer, 0);
	return true;
}

static bool on_queue_list(void *ctx, const struct msg_queue_list *m, int *fds)
{
	(void)fds;
	return ask(
	    ctx, (struct ask){
		     .kind = ASK_LIST, .id = m->after, .limit = m->limit, .filter = filter_new(m)});
}

static bool on_queue_show(void *ctx, const struct msg_queue_show *m, int *fds)
{
	(void)fds;
	return ask(ctx, (struct ask){.kind = ASK_SHOW, .id = m->id});
}

static bool on_queue_stats(void *ctx, const struct msg_queue_stats *m, int *fds)
{
	(void)m;
	(void)fds;
	return ask(ctx, (struct ask){.kind = ASK_STATS});
}

static bool on_queue_flush(void *ctx, const struct msg_queue_flush *m, int *fds)
{
	(void)fds;
	return ask(ctx, (struct ask){.kind = ASK_FLUSH, .id = m->id});
}

static bool on_queue_hold(void *ctx, const struct msg_queue_hold *m, int *fds)
{
	(void)fds;
	return ask(ctx, (struct ask){.kind = ASK_HOLD, .id = m->id});
}

static bool on_queue_release(void *ctx, const struct msg_queue_release *m, int *fds)
{
	(void)fds;
	return ask(ctx, (struct ask){.kind = ASK_RELEASE, .id = m->id});
}

static bool on_queue_delete(void *ctx, const struct msg_queue_delete *m, int *fds)
{
	(void)fds;
	return ask(ctx, (struct ask){.kind = ASK_DELETE, .id = m->id});
}

static bool on_queue_destinations(void *ctx, const struct msg_queue_destinations *m, int *fds)
{
	(void)fds;
	return ask(
	    ctx, (struct ask){.kind = ASK_DESTINATIONS, .limit = m->limit, .count = m->count != 0});
}

static bool on_queue_recent(void *ctx, const struct msg_queue_recent *m, int *fds)
{
	(void)fds;
	return ask(ctx, (struct ask){.kind = ASK_RECENT, .id = m->after});
}

static const struct operator_queue_server_handlers handlers = {
    .queue_list = on_queue_list,
    .queue_show = on_queue_show,
    .queue_stats = on_queue_stats,
    .queue_flush = on_queue_flush,
    .queue_hold = on_queue_hold,
    .queue_release = on_queue_release,
    .queue_delete = on_queue_delete,
    .queue_destinations = on_queue_destinations,
    .queue_recent = on_queue_recent,
};

/* --- listening ---------------------------------------------------------- */

/* A stranger cannot take all the places. */
static bool may_stay(const struct operator_connection *c)
{
	unsigned same = 0;
	for (const struct operator_connection *o = c->all->connections; o != NULL; o = o->next)
		same += o->uid == c->uid;
	return c->all->count <= OPERATORS_MAX && (is_privileged(c) || same <= OPERATORS_PER_UID);
}

void operators_connect(struct operators *o, int fd)
{
	struct operator_connection *c = xcalloc(1, sizeof(*c));
	c->all = o;
	c->next = o->connections;
	o->connections = c;
	o->count++;
	c->last_progress = loop_now_ms();
	c->timer = loop_timer(on_timer, c);
	c->channel = channel_new(fd, &operator_queue_server, &handlers, c, on_closed);
	if (!channel_peer_uid(c->channel, &c->uid) || !may_stay(c)) {
		drop(c);
		return;
	}
	loop_timer_start(c->timer, OPERATOR_IDLE_MS);
}

static void on_connection(evutil_socket_t fd, short what, void *ctx)
{
	(void)what;
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		int connection = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (connection < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				log_message(LOG_WARNING, "queue.sock: accept: %m");
			return;
		}
		operators_connect(ctx, connection);
	}
}

void operators_unlisten(struct operators *o)
{
	if (o->listener_fd < 0)
		return;
	event_free(o->listener);
	close(o->listener_fd);
	o->listener = NULL;
	o->listener_fd = -1;
}

void operators_listen(struct operators *o, int fd)
{
	operators_unlisten(o);
	o->listener_fd = fd;
	o->listener = loop_watch(fd, EV_READ, on_connection, o);
}

void operators_init(struct operators *o, struct active *active, struct dispatch *dispatch)
{
	*o = (struct operators){
	    .active = active, .dispatch = dispatch, .listener_fd = -1, .own_uid = geteuid()};
}

void operators_reset(struct operators *o)
{
	operators_unlisten(o);
	while (o->connections != NULL)
		drop(o->connections);
}
