/* SPDX-License-Identifier: ISC
 *
 * The spool on the event loop.
 */
#include "queue/spool-internal.h"

#include "common/loop.h"
#include "common/mem.h"

#include <stdlib.h>

enum { SECOND_MS = 1000, AGAIN_MS = 1 };

struct spool_loop {
	struct spool *spool;
	struct event *report; /* the thread's descriptor */
	struct event *soon, *second, *again;
};

static void on_soon(void *ctx)
{
	spool_on_soon(((struct spool_loop *)ctx)->spool);
}

static void on_second(void *ctx)
{
	spool_on_second(((struct spool_loop *)ctx)->spool);
}

static void on_again(void *ctx)
{
	spool_on_again(((struct spool_loop *)ctx)->spool);
}

static void on_report(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	spool_on_report(((struct spool_loop *)ctx)->spool);
}

struct spool_loop *spool_loop_new(struct spool *spool, int fd)
{
	struct spool_loop *l = xcalloc(1, sizeof(*l));
	l->spool = spool;
	l->report = loop_watch(fd, EV_READ, on_report, l);
	l->soon = loop_timer(on_soon, l);
	l->second = loop_timer(on_second, l);
	l->again = loop_timer(on_again, l);
	return l;
}

void spool_loop_free(struct spool_loop *loop)
{
	if (loop == NULL)
		return;
	event_free(loop->report);
	event_free(loop->soon);
	event_free(loop->second);
	event_free(loop->again);
	free(loop);
}

/* Behind the events of this round, so that all of them share a batch. */
void spool_loop_soon(struct spool_loop *loop)
{
	event_active(loop->soon, EV_TIMEOUT, 1);
}

void spool_loop_second(struct spool_loop *loop)
{
	loop_timer_start(loop->second, SECOND_MS);
}

void spool_loop_again(struct spool_loop *loop)
{
	loop_timer_start(loop->again, AGAIN_MS);
}
