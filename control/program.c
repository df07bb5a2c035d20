/* SPDX-License-Identifier: ISC
 *
 * Invariant: pid != 0 exactly while the process is not reaped. A child is only ever
 * signalled by a pid that is not reaped, so never a stranger is.
 */
#include "control/program.h"
#include "control/exit-status.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-supervision.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLOSED_GRACE_MS = 100 };

static uint32_t lives;
static struct program_table *table; /* for the callbacks that come from the loop */

static void set_state(struct program *p, enum program_state state)
{
	log_debug("program %s %u: %s -> %s", p->wiring->file, p->self.instance,
	    program_state_name(p->state), program_state_name(state));
	p->state = state;
}

const char *program_state_name(enum program_state state)
{
	static const char *const names[] = {
	    [PROGRAM_DOWN] = "down",
	    [PROGRAM_STARTING] = "starting",
	    [PROGRAM_READY] = "ready",
	    [PROGRAM_STOPPING] = "stopping",
	};
	return names[state];
}

static void on_timer(void *ctx)
{
	struct program *p = ctx;
	if (p->state == PROGRAM_DOWN)
		table->on_start_time(p);
	else if (p->state == PROGRAM_STOPPING)
		program_kill(p, "it did not stop in time");
	else
		program_kill(p, p->broken_why);
}

void program_table_fill(struct program_table *t, struct wiring_size size)
{
	table = t;
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		unsigned n = wiring_instances(id, size);
		if (n == 0)
			continue;
		t->list = xreallocarray(t->list, t->count + n, sizeof(*t->list));
		for (unsigned i = 0; i < n; i++)
			t->list[t->count++] =
			    (struct program){.self = {id, i}, .wiring = wiring_program(id)};
	}
	for (size_t i = 0; i < t->count; i++)
		t->list[i].timer = loop_timer(on_timer, &t->list[i]);
}

struct program *program_find(struct program_table *t, struct wiring_end end)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].self.program == end.program &&
		    t->list[i].self.instance == end.instance)
			return &t->list[i];
	return NULL;
}

bool program_is_reachable(const struct program *p)
{
	return p->channel != NULL && !channel_is_closed(p->channel) && p->state != PROGRAM_STOPPING;
}

static bool on_ready(void *ctx, const struct msg_ready *m, int *fds)
{
	struct program *p = ctx;
	(void)m;
	(void)fds;
	if (p->state == PROGRAM_STOPPING)
		return true;
	if (p->state != PROGRAM_STARTING)
		return false;
	set_state(p, PROGRAM_READY);
	p->was_ready = true;
	table->on_ready(p);
	return true;
}

static bool on_connect_lmtp(void *ctx, const struct msg_connect_lmtp *m, int *fds)
{
	struct program *p = ctx;
	(void)fds;
	if (!p->wiring->connects)
		return false;
	return !program_is_reachable(p) || table->on_connect_lmtp(p, m->cookie, m->name);
}

static bool on_edge_broken(void *ctx, const struct msg_edge_broken *m, int *fds)
{
	(void)fds;
	table->on_edge_broken(table, ctx, m);
	return true;
}

static bool on_key_verdict(void *ctx, const struct msg_key_verdict *m, int *fds)
{
	struct program *p = ctx;
	(void)fds;
	if (p->self.program != PROGRAM_keys)
		return false;
	table->on_key_verdict(m);
	return true;
}

static const struct supervision_client_handlers handlers = {
    .ready = on_ready,
    .key_verdict = on_key_verdict,
    .connect_lmtp = on_connect_lmtp,
    .edge_broken = on_edge_broken};

/* Mostly it has ended and is reaped in a moment; otherwise it is of no use any more. */
static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct program *p = ctx;
	channel_free(channel);
	p->channel = NULL;
	p->broken_why = why;
	if (p->state != PROGRAM_STOPPING)
		loop_timer_start(p->timer, CLOSED_GRACE_MS);
}

bool program_start(struct program *p, const struct child_plan *plan)
{
	int pair[2];
	struct child_plan full = *plan;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return false;
	full.channel = child_raise_fd(pair[1]);
	pid_t pid = full.channel < 0 ? -1 : child_start(&full);
	int saved = errno;
	if (full.channel >= 0)
		close(full.channel);
	if (pid < 0) {
		close(pair[0]);
		errno = saved;
		return false;
	}
	loop_timer_stop(p->timer);
	p->pid = pid;
	p->killed_why = NULL;
	p->was_ready = false;
	p->started = loop_now_ms();
	p->life = ++lives;
	p->since = loop_wall_ms();
	p->channel = channel_new(pair[0], &supervision_client, &handlers, p, on_closed);
	set_state(p, PROGRAM_STARTING);
	return true;
}

void program_start_later(struct program *p, uint64_t ms)
{
	if (p->state == PROGRAM_DOWN)
		loop_timer_start(p->timer, ms);
}

void program_stop(struct program *p, uint64_t patience_ms)
{
	loop_timer_stop(p->timer);
	if (p->state == PROGRAM_DOWN || p->state == PROGRAM_STOPPING)
		return;
	set_state(p, PROGRAM_STOPPING);
	if (p->channel == NULL || !msg_stop_send(p->channel, &(struct msg_stop){}, NULL))
		program_kill(p, p->broken_why);
	else
		loop_timer_start(p->timer, patience_ms);
}

void program_kill(struct program *p, const char *why)
{
	if (p->pid == 0)
		return;
	if (p->killed_why == NULL)
		p->killed_why = why;
	/* It cannot fail: the child is ours and not reaped. */
	kill(p->pid, SIGKILL);
}

static void log_end_of(const struct program *p, int status)
{
	char how[96];
	bool in_order = p->state == PROGRAM_STOPPING && status == 0;
	exit_status_describe(status, how, sizeof(how));
	log_message(in_order ? LOG_INFO : LOG_WARNING, "program %s[%d] ended: %s%s%s",
	    p->wiring->file, (int)p->pid, how, p->killed_why == NULL ? "" : ": ",
	    p->killed_why == NULL ? "" : p->killed_why);
}

static void ended(struct program *p, int status)
{
	log_end_of(p, status);
	loop_timer_stop(p->timer);
	channel_free(p->channel);
	p->channel = NULL;
	p->pid = 0;
	set_state(p, PROGRAM_DOWN);
	table->on_ended(p, status);
}

void program_reap(struct program_table *t)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
		for (size_t i = 0; i < t->count; i++) {
			if (pid > 0 && t->list[i].pid == pid) {
				ended(&t->list[i], status);
				break;
			}
		}
	}
}
