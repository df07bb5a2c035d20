/* SPDX-License-Identifier: ISC */
#include "deliver-remote/lmtp.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/service.h"
#include "common/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct lmtp_request {
	uint32_t cookie;
	int error; /* of its own end */
	lmtp_fn *fn;
	void *ctx;
	struct event *timer;
};

static struct slots cookies;

void lmtp_forget(struct lmtp_request *r)
{
	if (r == NULL)
		return;
	slots_take(&cookies, r->cookie);
	event_free(r->timer);
	free(r);
}

static void finish(struct lmtp_request *r, int fd, int error)
{
	lmtp_fn *fn = r->fn;
	void *ctx = r->ctx;
	lmtp_forget(r);
	fn(ctx, fd, error);
}

static void on_timer(void *ctx)
{
	struct lmtp_request *r = ctx;
	finish(r, -1, r->error);
}

struct lmtp_request *lmtp_connect(const char *name, lmtp_fn *fn, void *ctx)
{
	struct lmtp_request *r = xcalloc(1, sizeof(*r));
	r->fn = fn;
	r->ctx = ctx;
	r->error = ETIMEDOUT;
	r->timer = loop_timer(on_timer, r);
	r->cookie = slots_put(&cookies, r);
	bool asked = r->cookie != 0 && service_connect_lmtp(r->cookie, name);
	if (!asked)
		r->error = EAGAIN;
	loop_timer_start(r->timer, asked ? LMTP_TIMEOUT_MS : 0);
	return r;
}

void lmtp_on_socket(uint32_t cookie, int fd, int error)
{
	struct lmtp_request *r = slots_get(&cookies, cookie);
	if (r != NULL)
		finish(r, fd, error);
	else if (fd >= 0)
		close(fd);
}
