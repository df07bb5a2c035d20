/* SPDX-License-Identifier: ISC */
#include "common/forked.h"
#include "common/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void forked_close_all_but(int *keep, size_t n)
{
	int from = 3;
	qsort(keep, n, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] > from)
			close_range((unsigned)from, (unsigned)keep[i] - 1, 0);
		if (keep[i] >= from)
			from = keep[i] + 1;
	}
	close_range((unsigned)from, ~0U, 0);
}

static forked_ended_fn *on_ended;

static void on_child(evutil_socket_t number, short what, void *ctx)
{
	int status;
	pid_t pid;
	(void)number;
	(void)what;
	(void)ctx;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_ended(pid, status);
}

void forked_watch(forked_ended_fn *fn)
{
	on_ended = fn;
	loop_signal(SIGCHLD, on_child, NULL);
}
