/* SPDX-License-Identifier: ISC
 *
 * Two lists of cookies change places: one collects while the other is synced. The
 * thread gets a copy of the descriptors and gives back an errno; it shares
 * nothing else with the loop.
 *
 * Each file system has one descriptor that lives as long as the program: the
 * kernel reports a failed write to every descriptor that was open when it
 * happened, once, so none can slip between two syncs.
 */
#include "deliver-local/group-sync.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

struct cookies {
	uint64_t *list;
	size_t count;
	size_t cap;
};

struct file_systems {
	size_t count;
	dev_t device[GROUP_SYNC_FILE_SYSTEMS];
	int fd[GROUP_SYNC_FILE_SYSTEMS];
};

struct group_sync {
	group_sync_fn *fn;
	void *ctx;
	struct cookies collecting;
	struct cookies syncing;
	struct file_systems systems;
	struct event *due;
	bool running;
	bool overdue; /* the oldest of `collecting` has waited its time, but a sync runs */
	int done_fd;  /* eventfd: the thread has finished a sync */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	bool wanted;
	struct file_systems job;
	int error;
};

static void cookies_add(struct cookies *c, uint64_t cookie)
{
	if (c->count == c->cap) {
		c->cap = c->cap == 0 ? GROUP_SYNC_MANY : c->cap * 2;
		c->list = xreallocarray(c->list, c->cap, sizeof(*c->list));
	}
	c->list[c->count++] = cookie;
}

static int sync_all(const struct file_systems *systems)
{
	int error = 0;
	for (size_t i = 0; i < systems->count; i++)
		if (syncfs(systems->fd[i]) < 0 && error == 0)
			error = errno;
	return error;
}

static void *sync_thread(void *arg)
{
	struct group_sync *g = arg;
	const uint64_t one = 1;
	for (;;) {
		pthread_mutex_lock(&g->lock);
		while (!g->wanted)
			pthread_cond_wait(&g->wake, &g->lock);
		g->wanted = false;
		struct file_systems job = g->job;
		pthread_mutex_unlock(&g->lock);
		int error = sync_all(&job);
		pthread_mutex_lock(&g->lock);
		g->error = error;
		pthread_mutex_unlock(&g->lock);
		if (write(g->done_fd, &one, sizeof(one)) < 0)
			return NULL; /* an eventfd that is read after each write takes every write
				      */
	}
}

static void start(struct group_sync *g)
{
	if (g->running || g->collecting.count == 0)
		return;
	struct cookies empty = g->syncing;
	g->syncing = g->collecting;
	g->collecting = empty;
	g->running = true;
	g->overdue = false;
	loop_timer_stop(g->due);
	pthread_mutex_lock(&g->lock);
	g->job = g->systems;
	g->wanted = true;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->lock);
}

static void on_due(void *ctx)
{
	struct group_sync *g = ctx;
	g->overdue = true;
	start(g);
}

static void start_when_due(struct group_sync *g)
{
	if (g->collecting.count >= GROUP_SYNC_MANY)
		start(g);
	else if (g->collecting.count == 1)
		loop_timer_start(g->due, GROUP_SYNC_DELAY_MS);
}

static void tell(struct group_sync *g, int error)
{
	for (size_t at = 0; at < g->syncing.count; at += GROUP_SYNC_MANY) {
		size_t n = g->syncing.count - at;
		g->fn(
		    g->ctx, g->syncing.list + at, n < GROUP_SYNC_MANY ? n : GROUP_SYNC_MANY, error);
	}
	g->syncing.count = 0;
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct group_sync *g = arg;
	uint64_t count;
	(void)what;
	if (read((int)fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&g->lock);
	int error = g->error;
	pthread_mutex_unlock(&g->lock);
	g->running = false;
	tell(g, error);
	if (g->overdue || g->collecting.count >= GROUP_SYNC_MANY)
		start(g);
}

struct group_sync *group_sync_new(group_sync_fn *fn, void *ctx)
{
	pthread_t thread;
	struct group_sync *g = xcalloc(1, sizeof(*g));
	*g = (struct group_sync){.fn = fn, .ctx = ctx};
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->wake, NULL);
	g->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->done_fd < 0 || pthread_create(&thread, NULL, sync_thread, g) != 0)
		log_fatal(EX_OSERR, "the sync thread cannot be started: %m");
	pthread_detach(thread);
	g->due = loop_timer(on_due, g);
	loop_watch(g->done_fd, EV_READ, on_done, g);
	return g;
}

int group_sync_file_system(struct group_sync *g, dev_t device, int dir)
{
	struct file_systems *s = &g->systems;
	for (size_t i = 0; i < s->count; i++)
		if (s->device[i] == device)
			return 0;
	if (s->count == GROUP_SYNC_FILE_SYSTEMS)
		return EMFILE;
	/* Not a dup: the kernel keeps what was reported per open file. */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	s->device[s->count] = device;
	s->fd[s->count++] = fd;
	return 0;
}

void group_sync_add(struct group_sync *g, uint64_t cookie)
{
	cookies_add(&g->collecting, cookie);
	start_when_due(g);
}

void group_sync_forget(struct group_sync *g)
{
	g->collecting.count = 0;
	g->syncing.count = 0;
	g->overdue = false;
	loop_timer_stop(g->due);
}

void group_sync_hurry(struct group_sync *g)
{
	g->overdue = true;
	start(g);
}

size_t group_sync_waiting(const struct group_sync *g)
{
	return g->collecting.count + g->syncing.count;
}
