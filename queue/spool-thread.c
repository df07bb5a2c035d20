/* SPDX-License-Identifier: ISC
 *
 * The lock guards `waiting`, `done`, `report` and `stopping`; the writer is touched by
 * the thread alone, outside of the lock.
 */
#include "queue/spool-thread.h"

#include "common/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct spool_thread {
	struct spool_writer *writer;
	bool threaded;
	bool stopping;
	bool batch_was_last;
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct spool_batch *waiting;
	struct spool_batch *done, **done_end;
	struct spool_report report;
	int fd;
};

/* Hands over what the writer collected; under the lock. */
static void publish(struct spool_thread *t, struct spool_batch *done)
{
	struct spool_report *from = &t->writer->report, *to = &t->report;
	struct spool_stock_used *opened = to->opened;
	size_t count = to->opened_count, capacity = to->opened_capacity;
	if (from->opened_count > 0) {
		capacity = count + from->opened_count;
		opened = xreallocarray(opened, capacity, sizeof(*opened));
		memcpy(opened + count, from->opened, from->opened_count * sizeof(*opened));
		count = capacity;
		from->opened_count = 0;
	}
	*to = *from;
	to->opened = opened;
	to->opened_count = count;
	to->opened_capacity = capacity;
	if (done != NULL) {
		done->next = NULL;
		*t->done_end = done;
		t->done_end = &done->next;
	}
	const uint64_t one = 1;
	if (t->fd >= 0 && write(t->fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable then */
}

/* One piece of work; false when there is none. A segment in advance is made when nothing
 * waits, or between batches when it will soon be needed. */
static bool work(struct spool_thread *t)
{
	struct spool_batch *b = t->waiting;
	struct spool_writer *w = t->writer;
	bool may_chore = b == NULL || (t->batch_was_last && spool_writer_is_short(w));
	if (may_chore && !t->stopping && spool_writer_wants_chore(w))
		b = NULL;
	else if (b == NULL)
		return false;
	if (b != NULL)
		t->waiting = NULL;
	t->batch_was_last = b != NULL;
	pthread_mutex_unlock(&t->lock);
	if (b != NULL)
		spool_writer_run(w, b);
	else
		spool_writer_chore(w);
	pthread_mutex_lock(&t->lock);
	publish(t, b);
	return true;
}

static void retry(struct spool_thread *t)
{
	pthread_mutex_unlock(&t->lock);
	spool_writer_retry(t->writer);
	pthread_mutex_lock(&t->lock);
	publish(t, NULL);
}

static bool is_due(const struct spool_writer *w)
{
	struct spool_io *io = w->append.stock.io;
	return spool_writer_wants_retry(w) && io->now_ms(io) >= w->retry_at;
}

static void wait_for_work(struct spool_thread *t)
{
	struct timespec until;
	if (!spool_writer_wants_retry(t->writer)) {
		pthread_cond_wait(&t->work, &t->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += SPOOL_RETRY_MS / 1000;
	pthread_cond_timedwait(&t->work, &t->lock, &until);
}

static void *thread_main(void *arg)
{
	struct spool_thread *t = arg;
	pthread_mutex_lock(&t->lock);
	for (;;) {
		if (!t->stopping && is_due(t->writer))
			retry(t);
		if (work(t))
			continue;
		if (t->stopping)
			break;
		wait_for_work(t);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static int start(struct spool_thread *t)
{
	sigset_t all, before;
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->fd < 0)
		return errno;
	/* Signals are the event loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&t->id, NULL, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

struct spool_thread *spool_thread_start(struct spool_writer *writer, bool threaded)
{
	struct spool_thread *t = xcalloc(1, sizeof(*t));
	pthread_condattr_t attr;
	t->writer = writer;
	t->report = writer->report;
	t->done_end = &t->done;
	t->fd = -1;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->work, &attr);
	pthread_condattr_destroy(&attr);
	int error = threaded ? start(t) : 0;
	if (error == 0) {
		t->threaded = threaded;
		return t;
	}
	spool_thread_free(t);
	errno = error;
	return NULL;
}

void spool_thread_stop(struct spool_thread *t)
{
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
	if (t->threaded) {
		pthread_join(t->id, NULL);
		t->threaded = false;
	}
}

void spool_thread_free(struct spool_thread *t)
{
	if (t == NULL)
		return;
	if (t->fd >= 0)
		close(t->fd);
	pthread_cond_destroy(&t->work);
	pthread_mutex_destroy(&t->lock);
	spool_batch_free(t->waiting);
	for (struct spool_batch *b = t->done, *next; b != NULL; b = next) {
		next = b->next;
		spool_batch_free(b);
	}
	free(t->report.opened);
	free(t);
}

int spool_thread_fd(const struct spool_thread *t)
{
	return t->fd;
}

void spool_thread_give(struct spool_thread *t, struct spool_batch *b)
{
	pthread_mutex_lock(&t->lock);
	t->waiting = b;
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
}

struct spool_batch *spool_thread_take_back(struct spool_thread *t)
{
	pthread_mutex_lock(&t->lock);
	struct spool_batch *b = t->waiting;
	t->waiting = NULL;
	pthread_mutex_unlock(&t->lock);
	return b;
}

struct spool_batch *spool_thread_fetch(struct spool_thread *t, struct spool_report *report)
{
	uint64_t count;
	if (t->fd >= 0 && read(t->fd, &count, sizeof(count)) < 0)
		count = 0; /* nothing new, or stopped before it was told */
	pthread_mutex_lock(&t->lock);
	struct spool_batch *done = t->done;
	t->done = NULL;
	t->done_end = &t->done;
	*report = t->report;
	t->report.opened = NULL;
	t->report.opened_count = t->report.opened_capacity = 0;
	pthread_mutex_unlock(&t->lock);
	return done;
}

void spool_thread_turn(struct spool_thread *t)
{
	pthread_mutex_lock(&t->lock);
	if (!t->stopping && is_due(t->writer))
		retry(t);
	while (work(t))
		;
	pthread_mutex_unlock(&t->lock);
}
