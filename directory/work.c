/* SPDX-License-Identifier: ISC
 *
 * Invariant: a job is in exactly one place: waiting, in the hands of a thread,
 * finished, or its caller's. `lock` guards the two lists and `stop`.
 */
#include "directory/work.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

struct job_list {
	struct work_job *first, *last;
};

struct work {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job_list waiting, finished;
	size_t waiting_count;
	size_t queue_max;
	size_t pending; /* of the loop's thread alone */
	bool stop;
	int wake; /* eventfd */
	struct event *readable;
	unsigned thread_count;
	pthread_t threads[];
};

static void append(struct job_list *l, struct work_job *job)
{
	job->next = NULL;
	if (l->first == NULL)
		l->first = job;
	else
		l->last->next = job;
	l->last = job;
}

static struct work_job *take_first(struct job_list *l)
{
	struct work_job *job = l->first;
	if (job != NULL)
		l->first = job->next;
	return job;
}

/* The next job, or NULL when it is time to end. */
static struct work_job *wait_for_job(struct work *w)
{
	struct work_job *job = NULL;
	pthread_mutex_lock(&w->lock);
	while (!w->stop && w->waiting.first == NULL)
		pthread_cond_wait(&w->more, &w->lock);
	if (!w->stop) {
		job = take_first(&w->waiting);
		w->waiting_count--;
	}
	pthread_mutex_unlock(&w->lock);
	return job;
}

static void hand_back(struct work *w, struct work_job *job)
{
	pthread_mutex_lock(&w->lock);
	append(&w->finished, job);
	pthread_mutex_unlock(&w->lock);
	/* Fails only when the counter is full, and then the loop is awake already. */
	if (eventfd_write(w->wake, 1) < 0)
		return;
}

static void *run_thread(void *arg)
{
	struct work *w = arg;
	struct work_job *job;
	while ((job = wait_for_job(w)) != NULL) {
		job->run(job);
		hand_back(w, job);
	}
	return NULL;
}

static struct job_list take_finished(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	struct job_list l = w->finished;
	w->finished = (struct job_list){NULL, NULL};
	pthread_mutex_unlock(&w->lock);
	return l;
}

static void call_done(struct work *w, struct job_list l)
{
	struct work_job *job;
	while ((job = take_first(&l)) != NULL) {
		w->pending--;
		job->done(job);
	}
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	eventfd_t count;
	(void)what;
	if (eventfd_read(fd, &count) < 0)
		return;
	call_done(ctx, take_finished(ctx));
}

/* Signals are the loop's. */
static void start_thread(struct work *w)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&w->threads[w->thread_count], NULL, run_thread, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		log_fatal(EX_OSERR, "a thread cannot be made: error %d", error);
	w->thread_count++;
}

struct work *work_new(unsigned threads, size_t queue_max)
{
	struct work *w = xcalloc(1, sizeof(*w) + threads * sizeof(w->threads[0]));
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	w->queue_max = queue_max;
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake < 0)
		log_fatal(EX_OSERR, "an eventfd cannot be made: %m");
	w->readable = loop_watch(w->wake, EV_READ, on_wake, w);
	while (w->thread_count < threads)
		start_thread(w);
	return w;
}

bool work_submit(struct work *w, struct work_job *job)
{
	pthread_mutex_lock(&w->lock);
	bool room = w->waiting_count < w->queue_max;
	if (room) {
		append(&w->waiting, job);
		w->waiting_count++;
		pthread_cond_signal(&w->more);
	}
	pthread_mutex_unlock(&w->lock);
	if (room)
		w->pending++;
	return room;
}

size_t work_pending(const struct work *w)
{
	return w->pending;
}

void work_free(struct work *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->thread_count; i++)
		pthread_join(w->threads[i], NULL);
	call_done(w, take_finished(w));
	call_done(w, w->waiting);
	event_free(w->readable);
	close(w->wake);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->more);
	free(w);
}
