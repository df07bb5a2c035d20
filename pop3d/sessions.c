/* SPDX-License-Identifier: ISC
 *
 * Each child holds the reading end of a pipe whose writing end is here: it ends
 * when this program does, however that comes about.
 */
#include "pop3d/sessions.h"
#include "common/admission.h"
#include "common/conf.h"
#include "common/forked.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-session-child.h"
#include "common/service.h"
#include "pop3d/pop3.h"
#include "pop3d/session-child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whom to tell. A worker that is restarted counts its cookies from the start again. */
struct asker {
	unsigned worker;
	unsigned generation;
	uint32_t cookie;
};

struct session_request {
	struct asker asker;
	int client;
	char peer[CLIENT_ADDRESS_MAX + 1];
	char session[SESSION_ID_MAX + 1];
	struct str pending; /* owned */
	bool counted; /* in `count`, as a session elsewhere */
};

struct running {
	LIST_ENTRY(running) entries;
	pid_t pid;
	int leash; /* the pipe's writing end */
	struct asker asker;
	char session[SESSION_ID_MAX + 1];
};

static LIST_HEAD(, running) all = LIST_HEAD_INITIALIZER(all);
static size_t count;
static int root;
static sessions_ended_fn *ended;
static unsigned generations[ADMISSION_WORKERS_MAX];

static void tell(const struct asker *asker)
{
	if (asker->generation == generations[asker->worker])
		ended(asker->worker, asker->cookie);
}

static void copy(char *to, size_t size, struct str s)
{
	size_t n = s.n < size ? s.n : size - 1;
	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

struct session_request *session_request_new(
    unsigned worker, const struct msg_session_open *m, int client)
{
	struct session_request *r = xcalloc(1, sizeof(*r));
	*r = (struct session_request){
	    .asker = {worker, generations[worker], m->cookie}, .client = client};
	copy(r->peer, sizeof(r->peer), m->client);
	copy(r->session, sizeof(r->session), m->session);
	r->pending = (struct str){str_dup(m->pending), m->pending.n};
	return r;
}

static void request_free(struct session_request *r)
{
	count -= r->counted;
	if (r->client >= 0)
		close(r->client);
	free((char *)(uintptr_t)r->pending.p);
	free(r);
}

void session_request_refuse(struct session_request *r, const char *why)
{
	struct buf out = BUF_INIT(512);
	struct log_event ev;
	pop3_err(&out, "[SYS/TEMP]", why);
	if (send(r->client, buf_data(&out), buf_len(&out), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("the client of a refused session is gone");
	buf_release(&out);
	log_begin(&ev, LOG_WARNING, str_from_cstr(r->session));
	log_str(&ev, "client", str_from_cstr(r->peer));
	log_note(&ev, str_from_cstr(why));
	log_end(&ev);
	tell(&r->asker);
	request_free(r);
}

static void run_child(
    const struct session_request *r, struct str address, const char *path, int leash)
{
	const struct session_start start = {.client = r->client,
	    .parent = leash,
	    .root = root,
	    .path = path,
	    .address = address,
	    .peer = str_from_cstr(r->peer),
	    .session = str_from_cstr(r->session),
	    .pending = r->pending,
	    .idle_ms = service_conf()->pop3.idle_timeout * (uint64_t)1000};
	session_child(&start);
}

static void keep(const struct session_request *r, pid_t pid, int leash)
{
	struct running *s = xcalloc(1, sizeof(*s));
	*s = (struct running){.pid = pid, .leash = leash, .asker = r->asker};
	copy(s->session, sizeof(s->session), str_from_cstr(r->session));
	LIST_INSERT_HEAD(&all, s, entries);
	count++;
}

void session_request_start(struct session_request *r, struct str address, const char *path)
{
	int leash[2];
	if (count >= service_conf()->pop3.sessions_max) {
		session_request_refuse(r, "too many mailboxes are open, try again later");
		return;
	}
	if (pipe2(leash, O_CLOEXEC) < 0) {
		session_request_refuse(r, "out of descriptors, try again later");
		return;
	}
	log_flush();
	pid_t pid = fork();
	if (pid == 0)
		run_child(r, address, path, leash[0]);
	close(leash[0]);
	if (pid < 0) {
		close(leash[1]);
		session_request_refuse(r, "out of processes, try again later");
		return;
	}
	keep(r, pid, leash[1]);
	request_free(r);
}

bool session_request_count(struct session_request *r)
{
	if (count >= service_conf()->pop3.sessions_max) {
		session_request_refuse(r, "too many mailboxes are open, try again later");
		return false;
	}
	r->counted = true;
	count++;
	return true;
}

bool session_request_send(
    const struct session_request *r, struct str address, struct channel *channel)
{
	const struct msg_session_begin m = {.address = address,
	    .client = str_from_cstr(r->peer),
	    .session = str_from_cstr(r->session),
	    .pending = r->pending};
	return msg_session_begin_send(channel, &m, &r->client);
}

void session_request_let_go(struct session_request *r)
{
	close(r->client);
	r->client = -1;
}

void session_request_end(struct session_request *r)
{
	tell(&r->asker);
	request_free(r);
}

static struct running *find(pid_t pid)
{
	struct running *s;
	LIST_FOREACH(s, &all, entries)
	if (s->pid == pid)
		return s;
	return NULL;
}

static void on_exit_of(struct running *s, int status)
{
	if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0) {
		struct log_event ev;
		log_begin(&ev, LOG_ERR, str_from_cstr(s->session));
		log_u64(&ev, WIFSIGNALED(status) ? "signal" : "status",
		    (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
		log_note(&ev, STR("the session's process failed"));
		log_end(&ev);
	}
	tell(&s->asker);
	close(s->leash);
	LIST_REMOVE(s, entries);
	count--;
	free(s);
}

static void on_child(pid_t pid, int status)
{
	struct running *s = find(pid);
	if (s != NULL)
		on_exit_of(s, status);
}

void sessions_init(int root_fd, sessions_ended_fn *fn)
{
	root = root_fd;
	ended = fn;
	forked_watch(on_child);
}

void sessions_forget_worker(unsigned worker)
{
	generations[worker]++;
}
