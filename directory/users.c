/* SPDX-License-Identifier: ISC
 *
 * A job outlives its asker when that one is gone: it keeps the peer's serial, no
 * pointer.
 */
#include "directory/users.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-users.h"
#include "common/service.h"
#include "common/system-user.h"
#include "common/user-name.h"
#include "directory/work.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWORD_FILE "/etc/passwd"

enum asker { ASKER_DIRECTORY, ASKER_LOCAL, ASKERS };

struct peer {
	struct channel *channel;
	unsigned serial;
};

struct query {
	struct work_job job; /* first */
	enum asker asker;
	unsigned serial;
	struct conf_system bounds; /* its numbers only */
	size_t n;
	char name[USER_NAME_MAX];
	enum user_verdict verdict;
	uint32_t uid;
};

static struct peer peers[ASKERS];
static struct work *work;
static struct event *timer;
static struct stat seen;
static uint64_t next_change;

static void answer(const struct peer *p, struct str name, enum user_verdict verdict, uint32_t uid)
{
	const struct msg_user_answer m = {.name = name, .verdict = (uint8_t)verdict, .uid = uid};
	msg_user_answer_send(p->channel, &m, NULL);
}

static void run_query(struct work_job *job)
{
	struct query *q = (struct query *)job;
	q->verdict = system_user_find(&q->bounds, str_from(q->name, q->n), &q->uid);
}

static void done_query(struct work_job *job)
{
	struct query *q = (struct query *)job;
	const struct peer *p = &peers[q->asker];
	if (p->channel != NULL && p->serial == q->serial)
		answer(p, str_from(q->name, q->n), q->verdict, q->uid);
	free(q);
}

static bool on_user_query(void *ctx, const struct msg_user_query *m, int *fds)
{
	struct peer *p = ctx;
	const struct conf_system *conf = &service_conf()->system;
	(void)fds;
	/* Most of what strangers try ends here. */
	if (!user_name_is_sane(m->name)) {
		answer(p, m->name, USER_NONE, 0);
		return true;
	}
	struct query *q = xcalloc(1, sizeof(*q));
	*q = (struct query){.job = {.run = run_query, .done = done_query},
	    .asker = (enum asker)(p - peers),
	    .serial = p->serial,
	    .bounds = {.uid_min = conf->uid_min, .uid_max = conf->uid_max},
	    .n = m->name.n};
	memcpy(q->name, m->name.p, m->name.n);
	if (!work_submit(work, &q->job)) {
		answer(p, m->name, USER_FAILED, 0);
		free(q);
	}
	return true;
}

static const struct users_server_handlers handlers = {.user_query = on_user_query};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct peer *p = ctx;
	log_message(channel_loss_level(channel), "the channel to %s is closed: %s",
	    p == &peers[ASKER_DIRECTORY] ? "directory" : "deliver-local", why);
	channel_free(channel);
	p->channel = NULL;
}

void users_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)instance;
	if (edge != EDGE_directory_users && edge != EDGE_local_users) {
		close(fd);
		return;
	}
	struct peer *p = &peers[edge == EDGE_directory_users ? ASKER_DIRECTORY : ASKER_LOCAL];
	channel_free(p->channel);
	p->serial++;
	p->channel = channel_new(fd, &users_server, &handlers, p, on_closed);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool is_changed(void)
{
	struct stat now = {.st_ino = 0};
	uint64_t time = loop_now_ms();
	bool same =
	    (stat(PASSWORD_FILE, &now) == 0 || seen.st_ino == 0) && is_same_file(&now, &seen);
	seen = now;
	if (same && time < next_change)
		return false;
	next_change = time + USERS_CHANGED_MS;
	return true;
}

static void on_timer(void *ctx)
{
	(void)ctx;
	if (is_changed())
		for (size_t i = 0; i < ASKERS; i++)
			if (peers[i].channel != NULL)
				msg_users_changed_send(
				    peers[i].channel, &(struct msg_users_changed){}, NULL);
	loop_timer_start(timer, USERS_LOOK_MS);
}

void users_start(const struct conf *conf)
{
	(void)conf;
	work = work_new(USERS_THREADS, USERS_QUEUE_MAX);
	timer = loop_timer(on_timer, NULL);
	is_changed();
	loop_timer_start(timer, USERS_LOOK_MS);
}
