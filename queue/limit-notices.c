/* SPDX-License-Identifier: ISC
 *
 * The life of a notice: said by directory -> routed by it -> committed -> told.
 *
 * Invariant: `now` has exactly one answer to come, of directory or of the spool.
 */
#include "queue/limit-notices.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "queue/limit-text.h"
#include "queue/queue-log.h"

#include <stdlib.h>

enum { HOUR_MS = 3600 * 1000, KEPT_MAX = 16 * 1024 };

struct limit_notice {
	struct pool *pool;
	struct msg_limit_passed m; /* in the pool */
	struct str to;		   /* the same */
	uint64_t id;
	struct content *content;
	struct message *message; /* on its way to the disk */
};

static void end(struct limit_notices *l, bool told)
{
	struct limit_notice *n = l->now;
	l->now = NULL;
	router_limit_told(l->router, n->m.token, told);
	content_free(n->content);
	pool_free(n->pool);
	free(n);
}

static void give_up(struct limit_notices *l, const char *why)
{
	log_message(LOG_WARNING,
	    "a limit of submission was passed, and the postmaster cannot be told: %s", why);
	end(l, true);
}

/* --- to the spool ------------------------------------------------------- */

static bool make(struct limit_notices *l, struct limit_notice *n, uint16_t *flags)
{
	struct buf out = BUF_INIT(INLINE_CONTENT_MAX);
	n->id = spool_next_id(l->spool);
	const struct limit_text t = {.templates = l->templates,
	    .hostname = l->hostname,
	    .to = n->to,
	    .id = n->id,
	    .now = loop_wall_ms(),
	    .m = &n->m};
	bool ok = limit_text_put(&t, &out, flags);
	if (ok)
		n->content = content_new(buf_str(&out));
	buf_release(&out);
	return ok;
}

static void submit(struct limit_notices *l, const struct route_target *targets, size_t count)
{
	struct limit_notice *n = l->now;
	struct recipient list[EXPANSION_MAX];
	struct envelope e = {
	    .arrival = loop_wall_ms(), .token = n->m.token, .session = STR("limit")};
	if (!make(l, n, &e.flags)) {
		give_up(l, "the text is too long: check the templates");
		return;
	}
	for (size_t i = 0; i < count; i++)
		list[i] = (struct recipient){.address = targets[i].address,
		    .original = n->to,
		    .nexthop = targets[i].nexthop,
		    .transport = targets[i].transport};
	const struct spool_message sm = {.envelope = &e,
	    .recipients = list,
	    .recipient_count = count,
	    .content = str_from(n->content->octets, n->content->n)};
	n->message = message_new(l->active->scheduler, n->id, &e, list, count, n->content->n);
	spool_submit(l->spool, n->id, &sm, n);
}

static void log_made(const struct limit_notice *n)
{
	queue_log_notice(n->id, "postmaster notification of a limit", 0);
	queue_log_accepted(n->message);
}

bool limit_notices_on_committed(
    struct limit_notices *l, void *tag, const struct spool_place *place, int error)
{
	struct limit_notice *n = l->now;
	if (n == NULL || tag != n)
		return false;
	if (error != 0) {
		message_free(l->active->scheduler, n->message);
		end(l, false);
		return true;
	}
	log_made(n);
	active_commit(l->active, n->message, place);
	contents_put(l->contents, n->content, n->id, loop_now_ms());
	n->content = NULL;
	tokens_add(l->tokens, n->m.token, n->id, loop_now_ms());
	l->made++;
	end(l, true);
	if (l->on_progress != NULL)
		l->on_progress(l->ctx);
	return true;
}

/* --- where to ----------------------------------------------------------- */

static void on_answer(void *ctx, uint64_t serial, const struct msg_address_answer *m)
{
	struct limit_notices *l = ctx;
	bool found =
	    (m->verdict == RCPT_LOCAL || m->verdict == RCPT_NOT_OURS) && m->targets_count > 0;
	if (l->now == NULL || serial != l->serial)
		return;
	if (l->stopping || m->verdict == RCPT_TEMPORARY)
		end(l, false);
	else if (found)
		submit(l, m->targets, m->targets_count);
	else
		give_up(l, "the postmaster's address does not exist");
}

static bool keep_clients(struct limit_notice *n, const struct msg_limit_passed *m)
{
	bool ok = true;
	n->m.clients = pool_array(n->pool, m->clients_count, sizeof(*n->m.clients));
	for (size_t i = 0; i < m->clients_count && ok; i++)
		ok = pool_copy(n->pool, m->clients[i].address, &n->m.clients[i].address);
	return ok;
}

/* What it says fits into the pool, for the message's bounds are far below. */
static void begin(struct limit_notices *l, const struct msg_limit_passed *m)
{
	struct limit_notice *n = xcalloc(1, sizeof(*n));
	*n = (struct limit_notice){.pool = pool_new(KEPT_MAX), .m = *m};
	l->now = n;
	if (!pool_copy(n->pool, m->login, &n->m.login) ||
	    !pool_copy(n->pool, m->network, &n->m.network) ||
	    !pool_copy(n->pool, l->postmaster, &n->to) || !keep_clients(n, m)) {
		end(l, false);
		return;
	}
	router_ask(l->router, n->to, on_answer, l, ++l->serial);
}

/* --- may it be ---------------------------------------------------------- */

static bool has_room(struct limit_notices *l)
{
	uint64_t now = loop_now_ms();
	if (now - l->hour_ms >= HOUR_MS) {
		l->hour_ms = now;
		l->made = 0;
	}
	return l->made < LIMIT_NOTICES_PER_HOUR;
}

static bool on_limit(void *ctx, const struct msg_limit_passed *m)
{
	struct limit_notices *l = ctx;
	uint64_t id;
	if (!limit_text_is_sound(m))
		return false;
	if (tokens_find(l->tokens, m->token, loop_now_ms(), &id)) {
		router_limit_told(l->router, m->token, true);
	} else if (l->postmaster.n == 0) {
		log_message(LOG_WARNING, "a limit of submission was passed, and there is nobody to "
					 "tell by mail: set \"postmaster\"");
		router_limit_told(l->router, m->token, true);
	} else if (l->now != NULL || l->stopping || l->spool == NULL || !has_room(l)) {
		router_limit_told(l->router, m->token, false);
	} else {
		begin(l, m);
	}
	return true;
}

/* --- beginning and end -------------------------------------------------- */

void limit_notices_init(struct limit_notices *l, struct active *active, struct router *router,
    struct tokens *tokens, struct contents *contents, const struct templates *templates)
{
	*l = (struct limit_notices){.active = active,
	    .router = router,
	    .tokens = tokens,
	    .contents = contents,
	    .templates = templates};
	router_set_limits(router, on_limit, l);
}

void limit_notices_stop(struct limit_notices *l)
{
	l->stopping = true;
}

void limit_notices_reset(struct limit_notices *l)
{
	router_set_limits(l->router, NULL, NULL);
	l->stopping = true;
	if (l->now == NULL)
		return;
	if (l->now->message != NULL)
		message_free(l->active->scheduler, l->now->message);
	end(l, false);
}
