/* SPDX-License-Identifier: ISC
 *
 * Invariant: a query is waiting (no pid) or running, and is answered exactly once unless its
 * channel is gone. A password is wiped here as soon as the process has its copy.
 *
 * PAM hears no name but of a user who may have mail, by our own look and the configuration, as
 * directory may have been taken over. For all others it hears the stranger's, and its answer
 * counts for nothing: so they take the time that it takes for one whom it does not know.
 */
#include "directory/pam-check.h"
#include "common/forked.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-directory-pam.h"
#include "common/service.h"
#include "common/system-user.h"
#include "directory/pam-ask.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

struct query {
	TAILQ_ENTRY(query) entries;
	pid_t pid; /* 0: waits */
	uint32_t cookie;
	unsigned asker;
	uint64_t end; /* of the process */
	char user[USER_NAME_MAX + 1];
	char password[PASSWORD_MAX + 1];
	char client[CLIENT_ADDRESS_MAX + 1];
};

TAILQ_HEAD(query_list, query);

static struct channel *directory;
static unsigned asker;
static struct query_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct query_list running = TAILQ_HEAD_INITIALIZER(running);
static size_t waiting_count, running_count;
static struct event *timer;
/* A name that databases would look for, which nobody can have known and taken. */
static char stranger[33];

enum { TICK_MS = 1000 };

static void answer(const struct query *q, enum pam_verdict verdict)
{
	const struct msg_pam_answer m = {.cookie = q->cookie, .verdict = (uint8_t)verdict};
	if (directory != NULL && q->asker == asker)
		msg_pam_answer_send(directory, &m, NULL);
}

static void free_query(struct query *q)
{
	OPENSSL_cleanse(q, sizeof(*q));
	free(q);
}

/* In the child: a database may take its time. */
static enum pam_verdict ask(const struct query *q)
{
	uint32_t uid;
	enum user_verdict who =
	    system_user_find(&service_conf()->system, str_from_cstr(q->user), &uid);
	if (who == USER_FAILED)
		return PAM_LATER;
	bool may = who == USER_FOUND;
	enum pam_verdict verdict =
	    pam_ask(PAM_CHECK_SERVICE, may ? q->user : stranger, q->password, q->client);
	return may || verdict == PAM_LATER ? verdict : PAM_WRONG;
}

__attribute__((noreturn)) static void run_child(const struct query *q)
{
	int keep[] = {log_fd()};
	signal(SIGCHLD, SIG_DFL);
	log_deferred(false);
	forked_close_all_but(keep, 1);
	_exit((int)ask(q));
}

static void start(struct query *q)
{
	log_flush();
	q->pid = fork();
	if (q->pid == 0)
		run_child(q);
	OPENSSL_cleanse(q->password, sizeof(q->password));
	if (q->pid < 0) {
		answer(q, PAM_LATER);
		free_query(q);
		return;
	}
	q->end = loop_now_ms() + PAM_CHECK_MS;
	TAILQ_INSERT_TAIL(&running, q, entries);
	if (running_count++ == 0)
		loop_timer_start(timer, TICK_MS);
}

static void start_waiting(void)
{
	struct query *q;
	while (running_count < PAM_CHECK_PROCESSES_MAX && (q = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, q, entries);
		waiting_count--;
		start(q);
	}
}

/* One that hangs: its end is seen like any other. */
static void on_tick(void *ctx)
{
	struct query *q;
	uint64_t now = loop_now_ms();
	(void)ctx;
	TAILQ_FOREACH(q, &running, entries)
	if (now >= q->end)
		kill(q->pid, SIGKILL);
	if (running_count > 0)
		loop_timer_start(timer, TICK_MS);
}

static enum pam_verdict verdict_of(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	return code >= PAM_RIGHT && code <= PAM_EXPIRED ? (enum pam_verdict)code : PAM_LATER;
}

static void on_end_of(struct query *q, int status)
{
	enum pam_verdict verdict = verdict_of(status);
	if (verdict == PAM_LATER)
		log_message(LOG_ERR,
		    "PAM did not answer, or the user database: see its own log, and whether there "
		    "is a service \"%s\" (/etc/pam.d/%s)",
		    PAM_CHECK_SERVICE, PAM_CHECK_SERVICE);
	answer(q, verdict);
	TAILQ_REMOVE(&running, q, entries);
	running_count--;
	free_query(q);
}

static struct query *find(pid_t pid)
{
	struct query *q;
	TAILQ_FOREACH(q, &running, entries)
	if (q->pid == pid)
		return q;
	return NULL;
}

static void on_child(pid_t pid, int status)
{
	struct query *q = find(pid);
	if (q != NULL)
		on_end_of(q, status);
	start_waiting();
}

/* False for a NUL: what PAM would see is not what was sent. */
static bool copy(char *to, struct str s)
{
	if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
		return false;
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" as modules expect it. */
static struct str bare_address(struct str client)
{
	if (client.n < 2 || client.p[0] != '[' || client.p[client.n - 1] != ']')
		return client;
	client = str_from(client.p + 1, client.n - 2);
	return str_has_prefix(client, STR("IPv6:")) ? str_skip(client, 5) : client;
}

static bool on_pam_query(void *ctx, const struct msg_pam_query *m, int *fds)
{
	struct query *q = xcalloc(1, sizeof(*q));
	(void)ctx;
	(void)fds;
	*q = (struct query){.cookie = m->cookie, .asker = asker};
	bool sane = copy(q->user, m->user) && copy(q->client, bare_address(m->client));
	/* Such a password is nobody's; PAM is asked all the same, for the time it takes. */
	if (!copy(q->password, m->password))
		q->password[0] = '\0';
	if (m->password.n > 0)
		OPENSSL_cleanse((void *)(uintptr_t)m->password.p, m->password.n);
	if (!sane || waiting_count >= PAM_CHECK_QUEUE_MAX) {
		answer(q, PAM_LATER);
		free_query(q);
		return sane;
	}
	TAILQ_INSERT_TAIL(&waiting, q, entries);
	waiting_count++;
	start_waiting();
	return true;
}

static const struct directory_pam_server_handlers handlers = {.pam_query = on_pam_query};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel), "the channel to directory is closed: %s", why);
	channel_free(channel);
	directory = NULL;
}

void pam_check_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)instance;
	if (edge != EDGE_directory_pam) {
		close(fd);
		return;
	}
	channel_free(directory);
	asker++;
	directory = channel_new(fd, &directory_pam_server, &handlers, NULL, on_closed);
}

void pam_check_start(const struct conf *conf)
{
	uint64_t number;
	(void)conf;
	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		log_fatal(EX_OSERR, "getrandom: %m");
	snprintf(stranger, sizeof(stranger), "postern-%016llx", (unsigned long long)number);
	timer = loop_timer(on_tick, NULL);
	forked_watch(on_child);
}
