/* SPDX-License-Identifier: ISC
 *
 * Invariant: every ask in the table was sent on the present channel, if there is one.
 */
#include "queue/router.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>

struct ask {
	uint32_t cookie; /* first: the key */
	router_answer_fn *answer;
	void *ctx;
	uint64_t tag;
	size_t n;
	char address[];
};

struct router {
	struct channel *channel; /* NULL: directory is not there */
	struct hash *asks;
	uint32_t last_cookie;
	router_changed_fn *on_changed;
	void *ctx;
	router_limit_fn *on_limit;
	void *limit_ctx;
};

static struct str key_of(const void *ask)
{
	const struct ask *a = ask;
	return str_from(&a->cookie, sizeof(a->cookie));
}

struct router *router_new(router_changed_fn *on_changed, void *ctx)
{
	struct router *r = xcalloc(1, sizeof(*r));
	r->asks = hash_new(key_of);
	r->on_changed = on_changed;
	r->ctx = ctx;
	return r;
}

static void free_ask(void *ask, void *ctx)
{
	(void)ctx;
	free(ask);
}

void router_free(struct router *r)
{
	if (r == NULL)
		return;
	channel_free(r->channel);
	hash_each(r->asks, free_ask, NULL);
	hash_free(r->asks);
	free(r);
}

static void send_ask(void *ask, void *ctx)
{
	const struct ask *a = ask;
	const struct router *r = ctx;
	const struct msg_address_query m = {
	    .cookie = a->cookie, .address = str_from(a->address, a->n)};
	msg_address_query_send(r->channel, &m, NULL);
}

void router_ask(
    struct router *r, struct str address, router_answer_fn *answer, void *ctx, uint64_t tag)
{
	address = str_head(address, ADDRESS_MAX);
	struct ask *a = xmalloc(sizeof(*a) + address.n);
	*a = (struct ask){.cookie = ++r->last_cookie,
	    .answer = answer,
	    .ctx = ctx,
	    .tag = tag,
	    .n = address.n};
	if (address.n > 0)
		memcpy(a->address, address.p, address.n);
	hash_put(r->asks, a);
	if (r->channel != NULL)
		send_ask(a, r);
}

size_t router_pending(const struct router *r)
{
	return hash_count(r->asks);
}

/* --- messages ----------------------------------------------------------- */

static bool is_sound(const struct msg_address_answer *m)
{
	for (size_t i = 0; i < m->targets_count; i++)
		if (m->targets[i].transport < TRANSPORT_LOCAL ||
		    m->targets[i].transport > TRANSPORT_HOLD || m->targets[i].address.n == 0)
			return false;
	return m->verdict >= RCPT_LOCAL && m->verdict <= RCPT_REFUSED;
}

static bool on_address_answer(void *ctx, const struct msg_address_answer *m, int *fds)
{
	struct router *r = ctx;
	(void)fds;
	if (!is_sound(m))
		return false;
	struct ask *a = hash_take(r->asks, str_from(&m->cookie, sizeof(m->cookie)));
	if (a == NULL)
		return false;
	a->answer(a->ctx, a->tag, m);
	free(a);
	return true;
}

static bool on_routes_changed(void *ctx, const struct msg_routes_changed *m, int *fds)
{
	const struct router *r = ctx;
	(void)fds;
	if (r->on_changed != NULL)
		r->on_changed(r->ctx, m->generation);
	return true;
}

static bool on_limit_passed(void *ctx, const struct msg_limit_passed *m, int *fds)
{
	struct router *r = ctx;
	(void)fds;
	if (r->on_limit != NULL)
		return r->on_limit(r->limit_ctx, m);
	router_limit_told(r, m->token, false);
	return true;
}

void router_set_limits(struct router *r, router_limit_fn *on_limit, void *ctx)
{
	r->on_limit = on_limit;
	r->limit_ctx = ctx;
}

void router_limit_told(struct router *r, uint64_t token, bool told)
{
	const struct msg_limit_told m = {.token = token, .told = told};
	if (r->channel != NULL)
		msg_limit_told_send(r->channel, &m, NULL);
}

static const struct queue_directory_client_handlers handlers = {
    .address_answer = on_address_answer,
    .routes_changed = on_routes_changed,
    .limit_passed = on_limit_passed,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct router *r = ctx;
	log_message(LOG_WARNING, "directory: %s; %zu questions will be asked again", why,
	    hash_count(r->asks));
	channel_free(channel);
	r->channel = NULL;
}

void router_set_channel(struct router *r, int fd)
{
	channel_free(r->channel);
	r->channel = channel_new(fd, &queue_directory_client, &handlers, r, on_closed);
	hash_each(r->asks, send_ask, r);
}
