/* SPDX-License-Identifier: ISC
 *
 * Invariant: a worker is in the set from worker_new to worker_remove. A part that is sent has
 * no letter. What a process says is believed only of the parts that it was sent.
 */
#include "deliver-local/worker.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <stdlib.h>

struct worker_set worker_set = {.list = TAILQ_HEAD_INITIALIZER(worker_set.list)};

struct str worker_name(const void *entry)
{
	const struct worker *w = entry;
	return str_from(w->name, w->n);
}

bool worker_is_taken(enum worker_state state)
{
	return state == WORKER_OPENING || state == WORKER_OPEN || state == WORKER_CLOSED;
}

void worker_set_state(struct worker *w, enum worker_state state)
{
	worker_set.taken -= worker_is_taken(w->state);
	worker_set.taken += worker_is_taken(state);
	w->state = state;
	w->since = loop_now_ms();
}

struct worker *worker_new(struct str name)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	*w = (struct worker){.state = WORKER_ASKING, .n = name.n, .since = loop_now_ms()};
	memcpy(w->name, name.p, name.n);
	TAILQ_INIT(&w->parts);
	TAILQ_INSERT_TAIL(&worker_set.list, w, entries);
	hash_put(worker_set.by_name, w);
	return w;
}

/* --- Ends ------------------------------------------------------------------ */

static void fail_part(struct worker *w, struct part *p, const struct worker_trouble *why)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	TAILQ_REMOVE(&w->parts, p, entries);
	if (p->answered) {
		worker_set.hooks.settled(p->delivery, false);
	} else {
		part_fill(p, results, why->outcome, why->enhanced, why->text);
		worker_set.hooks.results(p->delivery, results, p->count, false);
	}
	part_free(p);
}

void worker_remove(struct worker *w)
{
	struct part *p;
	if (worker_is_taken(w->state))
		worker_set.end(w->cookie);
	worker_set.taken -= worker_is_taken(w->state);
	hash_take(worker_set.by_name, worker_name(w));
	TAILQ_REMOVE(&worker_set.list, w, entries);
	while ((p = TAILQ_FIRST(&w->parts)) != NULL) {
		TAILQ_REMOVE(&w->parts, p, entries);
		part_free(p);
	}
	channel_free(w->channel);
	free(w);
}

static void log_trouble(const struct worker *w, const struct worker_trouble *why)
{
	struct log_event ev;
	log_begin(&ev, LOG_WARNING, STR(""));
	log_str(&ev, "user", worker_name(w));
	log_note(&ev, str_from_cstr(why->text));
	log_end(&ev);
}

void worker_give_up(struct worker *w, const struct worker_trouble *why)
{
	struct part *p;
	if (!TAILQ_EMPTY(&w->parts))
		log_trouble(w, why);
	while ((p = TAILQ_FIRST(&w->parts)) != NULL)
		fail_part(w, p, why);
	worker_remove(w);
}

/* --- Work ------------------------------------------------------------------ */

static struct part *find_part(struct worker *w, uint64_t number)
{
	struct part *p;
	TAILQ_FOREACH(p, &w->parts, entries)
	if (p->number == number)
		return p;
	return NULL;
}

void worker_send_parts(struct worker *w)
{
	struct part *p;
	TAILQ_FOREACH(p, &w->parts, entries)
	{
		if (p->letter == NULL)
			continue;
		letter_send(p->letter, w->channel, p->number, p->targets, p->count);
		letter_drop(p->letter);
		p->letter = NULL;
	}
}

/* After a part has ended. The worker may be gone on return. */
static void rest(struct worker *w)
{
	if (w->tired && TAILQ_EMPTY(&w->parts))
		worker_remove(w);
	worker_set.room();
}

static bool on_local_results(void *ctx, const struct msg_local_results *m, int *fds)
{
	struct worker *w = ctx;
	struct part *p = find_part(w, m->delivery);
	(void)fds;
	if (p == NULL || p->answered || !part_may_be(p, m->results, m->results_count))
		return false;
	bool visible = part_any(m->results, m->results_count, DELIVERY_VISIBLE);
	w->since = loop_now_ms();
	w->tired = w->tired || part_any(m->results, m->results_count, DELIVERY_DEFERRED);
	p->answered = true;
	worker_set.hooks.results(p->delivery, m->results, m->results_count, visible);
	if (!visible) {
		TAILQ_REMOVE(&w->parts, p, entries);
		part_free(p);
	}
	rest(w);
	return true;
}

static bool settle(struct worker *w, const struct delivery_ref *refs, size_t n, bool durable)
{
	/* Nothing at all is no answer, and would do to be waited for. */
	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct part *p = find_part(w, refs[i].delivery);
		if (p == NULL || !p->answered)
			return false;
		TAILQ_REMOVE(&w->parts, p, entries);
		worker_set.hooks.settled(p->delivery, durable);
		part_free(p);
	}
	w->since = loop_now_ms();
	rest(w);
	return true;
}

static bool on_durable(void *ctx, const struct msg_durable *m, int *fds)
{
	(void)fds;
	return settle(ctx, m->deliveries, m->deliveries_count, true);
}

static bool on_not_durable(void *ctx, const struct msg_not_durable *m, int *fds)
{
	(void)fds;
	return settle(ctx, m->deliveries, m->deliveries_count, false);
}

static const struct queue_local_client_handlers worker_handlers = {
    .local_results = on_local_results,
    .durable = on_durable,
    .not_durable = on_not_durable,
};

static void on_worker_closed(void *ctx, struct channel *channel, const char *why)
{
	struct worker *w = ctx;
	log_debug("a user's process is gone: %s", why);
	channel_free(channel);
	w->channel = NULL;
	worker_set_state(w, WORKER_CLOSED);
}

void worker_open(struct worker *w, int fd)
{
	worker_set_state(w, WORKER_OPEN);
	w->channel = channel_new(fd, &queue_local_client, &worker_handlers, w, on_worker_closed);
	worker_send_parts(w);
}
