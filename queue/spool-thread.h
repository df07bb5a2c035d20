/* SPDX-License-Identifier: ISC
 *
 * Between the event loop and the sync thread: one batch waits at most, and the loop may
 * take it back to add to it; finished ones wait to be fetched. A descriptor becomes
 * readable when there is something to fetch.
 *
 * Without a thread (for tests) spool_thread_turn does its work.
 */
#ifndef POSTERN_SPOOL_THREAD_H
#define POSTERN_SPOOL_THREAD_H

#include "queue/spool-writer.h"

struct spool_thread;

/* The writer is the thread's until spool_thread_stop. NULL with errno. */
struct spool_thread *spool_thread_start(struct spool_writer *writer, bool threaded);
/* Ends the thread after the waiting batch. From then on the caller turns it; it makes no
 * segments in advance any more. */
void spool_thread_stop(struct spool_thread *t);
void spool_thread_free(struct spool_thread *t);

/* -1 without a thread. */
int spool_thread_fd(const struct spool_thread *t);
/* Only when none waits. */
void spool_thread_give(struct spool_thread *t, struct spool_batch *b);
/* The batch that waits, NULL: none does. */
struct spool_batch *spool_thread_take_back(struct spool_thread *t);
/* Finished batches in order, linked by `next`; and a report, whose list the caller frees. */
struct spool_batch *spool_thread_fetch(struct spool_thread *t, struct spool_report *report);

/* Without a thread: a retry that is due, the waiting batch, and all chores. */
void spool_thread_turn(struct spool_thread *t);

#endif
