/* SPDX-License-Identifier: ISC
 *
 * Runs as root, and so does as little as can be: of what it is sent it takes a number,
 * which must lie within the configuration's bounds and be a user's. It looks into no
 * directory, reads no mail, and starts no program.
 */
#include "common/owner.h"
#include "common/forked.h"
#include "common/jail.h"
#include "common/mem.h"
#include "common/msg-owner.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES_MAX = 64 };

struct process {
	LIST_ENTRY(process) entries;
	pid_t pid;
	uid_t uid;
	uint32_t cookie;
	unsigned asker; /* the channel that it was asked for on */
	bool killed;
};

static const struct owner_kind *kind;
static LIST_HEAD(, process) processes = LIST_HEAD_INITIALIZER(processes);
static size_t count;
static struct channel *below;
static unsigned asker;

static size_t count_of(uid_t uid)
{
	const struct process *p;
	size_t n = 0;
	LIST_FOREACH(p, &processes, entries)
	n += p->uid == uid;
	return n;
}

static bool is_room(uid_t uid)
{
	size_t max =
	    kind->processes_max != 0 ? kind->processes_max : service_conf()->pop3.sessions_max;
	return count < max && count_of(uid) < kind->per_user_max;
}

static void confine(const struct system_place *place)
{
	struct sandbox jail = {.calls = jail_child_calls(kind->program)};
	sandbox_allow(&jail, place->mailbox, SANDBOX_WRITE);
	sandbox_narrow(&jail);
}

static void run_child(const struct system_user *user, int channel)
{
	struct system_place place;
	int keep[] = {channel, log_fd()};
	signal(SIGCHLD, SIG_DFL);
	log_deferred(false);
	loop_forget();
	forked_close_all_but(keep, sizeof(keep) / sizeof(keep[0]));
	loop_base();
	enum owner_trouble trouble = system_user_become(user, &service_conf()->system, &place);
	if (trouble != 0)
		_exit(OWNER_EXIT + (int)trouble);
	confine(&place);
	kind->work(channel, &place);
}

static void keep(pid_t pid, uid_t uid, uint32_t cookie)
{
	struct process *p = xcalloc(1, sizeof(*p));
	*p = (struct process){.pid = pid, .uid = uid, .cookie = cookie, .asker = asker};
	LIST_INSERT_HEAD(&processes, p, entries);
	count++;
}

/* OWNER_OK: *fd is the end for who asked. */
static enum owner_verdict start(const struct system_user *user, uint32_t cookie, int *fd)
{
	int pair[2];
	if (!is_room(user->uid) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return OWNER_BUSY;
	log_flush();
	pid_t pid = fork();
	if (pid == 0)
		run_child(user, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return OWNER_BUSY;
	}
	keep(pid, user->uid, cookie);
	*fd = pair[0];
	return OWNER_OK;
}

static void log_refusal(uint32_t uid, const char *why)
{
	struct log_event ev;
	log_begin(&ev, LOG_WARNING, STR(""));
	log_u64(&ev, "uid", uid);
	log_note(&ev, str_from_cstr(why));
	log_end(&ev);
}

static enum owner_verdict open_for(const struct msg_owner_open *m, int *fd)
{
	struct system_user user;
	enum owner_verdict verdict = system_user_get(&service_conf()->system, m->uid, &user);
	if (verdict == OWNER_NOT_ALLOWED)
		log_refusal(m->uid,
		    "refused: a process was asked for of a uid that gets no mail as "
		    "itself");
	return verdict == OWNER_OK ? start(&user, m->cookie, fd) : verdict;
}

static bool on_owner_open(void *ctx, const struct msg_owner_open *m, int *fds)
{
	int fd = -1;
	(void)ctx;
	(void)fds;
	enum owner_verdict verdict = open_for(m, &fd);
	if (verdict != OWNER_OK) {
		const struct msg_owner_refused refused = {
		    .cookie = m->cookie, .verdict = (uint8_t)verdict};
		msg_owner_refused_send(below, &refused, NULL);
		return true;
	}
	msg_owner_opened_send(below, &(struct msg_owner_opened){.cookie = m->cookie}, &fd);
	close(fd);
	return true;
}

/* A child of ours that is not reaped, so never a stranger. */
static bool on_owner_close(void *ctx, const struct msg_owner_close *m, int *fds)
{
	struct process *p;
	(void)ctx;
	(void)fds;
	LIST_FOREACH(p, &processes, entries)
	if (p->cookie == m->cookie && p->asker == asker) {
		p->killed = true;
		kill(p->pid, SIGKILL);
	}
	return true;
}

static const struct owner_server_handlers handlers = {
    .owner_open = on_owner_open, .owner_close = on_owner_close};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel),
	    "the channel to who asks for processes is closed: %s", why);
	channel_free(channel);
	below = NULL;
}

/* Processes of the old one end with their channels. */
static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)instance;
	if (edge != kind->edge) {
		close(fd);
		return;
	}
	channel_free(below);
	asker++;
	below = channel_new(fd, &owner_server, &handlers, NULL, on_closed);
}

static uint8_t trouble_of(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) - OWNER_EXIT : 0;
	return code > 0 && code < TROUBLE_COUNT ? (uint8_t)code : 0;
}

static void log_failure(const struct process *p, int status)
{
	struct log_event ev;
	if (p->killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return;
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || trouble_of(status) != 0))
		return;
	log_begin(&ev, LOG_ERR, STR(""));
	log_u64(&ev, "uid", p->uid);
	log_u64(&ev, WIFSIGNALED(status) ? "signal" : "status",
	    (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
	log_note(&ev, STR("the user's process failed"));
	log_end(&ev);
}

static void on_end_of(struct process *p, int status)
{
	const struct msg_owner_ended m = {.cookie = p->cookie, .trouble = trouble_of(status)};
	log_failure(p, status);
	if (below != NULL && p->asker == asker)
		msg_owner_ended_send(below, &m, NULL);
	LIST_REMOVE(p, entries);
	count--;
	free(p);
}

static struct process *find(pid_t pid)
{
	struct process *p;
	LIST_FOREACH(p, &processes, entries)
	if (p->pid == pid)
		return p;
	return NULL;
}

static void on_child(pid_t pid, int status)
{
	struct process *p = find(pid);
	if (p != NULL)
		on_end_of(p, status);
}

static void before_jail(struct service *self, const struct conf *conf)
{
	(void)self;
	(void)conf;
	system_user_warm_up();
}

static void in_jail(const struct conf *conf)
{
	(void)conf;
	forked_watch(on_child);
}

int owner_main(const struct owner_kind *self, int argc, char **argv)
{
	struct service service = {
	    .program = self->program,
	    .sandbox = {.files_max = FILES_MAX + 1024},
	    .before_jail = before_jail,
	    .in_jail = in_jail,
	    .on_peer = on_peer,
	};
	kind = self;
	return service_main(&service, argc, argv);
}
