/* SPDX-License-Identifier: ISC
 *
 * Threads for what takes long: a bounded queue of jobs in, results back through
 * an eventfd to the event loop.
 */
#ifndef POSTERN_DIRECTORY_WORK_H
#define POSTERN_DIRECTORY_WORK_H

#include <stdbool.h>
#include <stddef.h>

struct work;

/* The first member of a caller's struct. `run` is called on a thread and touches nothing but the
 * job; `done` is called from the loop and owns the job again. */
struct work_job {
	struct work_job *next;
	void (*run)(struct work_job *job);
	void (*done)(struct work_job *job);
};

/* `queue_max` jobs at most that have not begun. */
struct work *work_new(unsigned threads, size_t queue_max);
/* False when the queue is full; the job is still the caller's. */
bool work_submit(struct work *w, struct work_job *job);
/* Submitted and not yet done. */
size_t work_pending(const struct work *w);
/* Waits for what runs; jobs that have not begun are handed to `done` without `run`. */
void work_free(struct work *w);

#endif
