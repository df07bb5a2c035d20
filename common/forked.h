/* SPDX-License-Identifier: ISC
 *
 * What a forked child that goes on alone does first, and how its parent hears of its end.
 */
#ifndef POSTERN_FORKED_H
#define POSTERN_FORKED_H

#include <stddef.h>
#include <sys/types.h>

/* Closes everything from 3 on but these; -1 is none. The list is sorted. */
void forked_close_all_but(int *keep, size_t n);

/* `status` as waitpid gives it. */
typedef void forked_ended_fn(pid_t pid, int status);
/* From now on calls fn from the event loop for each child that has ended, whoever started it. One
 * fn a program. */
void forked_watch(forked_ended_fn *fn);

#endif
