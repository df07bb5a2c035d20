/* SPDX-License-Identifier: ISC
 *
 * The life of a notice:
 *
 *   owed -> waiting -> routed by directory -> made -> committed -> settled
 *              `------<--------- what may pass ----------'
 *
 * Invariant: a notice is in the table and in one of both lists; `working` ones have
 * exactly one answer to come, of directory or of the spool. Messages are found by
 * id at each step, for they may be gone by then.
 */
#include "common/loop.h"
#include "common/mem.h"
#include "queue/bounce-internal.h"
#include "queue/queue-log.h"

#include <stdlib.h>

enum { TICK_MS = 100, PER_RUN = 256 };

static struct str key_of(const void *notice)
{
	const struct notice *n = notice;
	return str_from(&n->key, sizeof(n->key));
}

/* --- lists -------------------------------------------------------------- */

static void start_timer(struct bounces *b, uint64_t ms)
{
	if (!b->stopping && !evtimer_pending(b->timer, NULL))
		loop_timer_start(b->timer, ms);
}

static struct notice *notice_new(struct bounces *b, uint64_t about, enum dsn_kind kind)
{
	uint64_t serial = ++b->last_serial;
	struct notice_key key = {about, kind};
	if (b->stopping || hash_count(b->notices) >= NOTICES_MAX ||
	    hash_find(b->notices, str_from(&key, sizeof(key))) != NULL)
		return NULL;
	struct notice *n = xcalloc(1, sizeof(*n));
	n->key = key;
	n->kind = kind;
	n->serial = serial;
	n->since = n->due = loop_now_ms();
	hash_put(b->notices, n);
	TAILQ_INSERT_TAIL(&b->waiting, n, link);
	start_timer(b, 0);
	return n;
}

static void set_working(struct bounces *b, struct notice *n, bool working)
{
	TAILQ_REMOVE(n->working ? &b->working : &b->waiting, n, link);
	TAILQ_INSERT_TAIL(working ? &b->working : &b->waiting, n, link);
	b->at_work = b->at_work - (n->working ? 1 : 0) + (working ? 1 : 0);
	n->working = working;
}

static void notice_end(struct bounces *b, struct notice *n)
{
	set_working(b, n, false);
	TAILQ_REMOVE(&b->waiting, n, link);
	hash_take(b->notices, key_of(n));
	bounce_unmake(b, n);
	free(n);
}

static void try_later(struct bounces *b, struct notice *n)
{
	n->due = loop_now_ms() + NOTICE_RETRY_MS;
	n->since = n->due - NOTICE_WAIT_MS;
	set_working(b, n, false);
	start_timer(b, TICK_MS);
}

static struct notice *find_working(const struct bounces *b, uint64_t serial)
{
	struct notice *n;
	TAILQ_FOREACH(n, &b->working, link)
	if (n->serial == serial)
		return n;
	return NULL;
}

static struct message *message_for(const struct bounces *b, const struct notice *n)
{
	return index_find(&b->active->messages, n->key.about);
}

/* --- the end ------------------------------------------------------------ */

static void conclude(struct bounces *b, struct notice *n, struct message *m)
{
	if (m != NULL && n->key.kind == DSN_DELAY)
		active_warned(b->active, m);
	notice_end(b, n);
	if (m != NULL)
		active_settle_message(b->active, m);
}

/* The state of those that a notice of this kind is owed for; 0: it is owed for the message. */
static unsigned owed_state(const struct notice *n)
{
	return n->key.kind == DSN_FAILURE   ? RECIPIENT_FAILED
	       : n->key.kind == DSN_SUCCESS ? RECIPIENT_SUCCEEDED
					    : 0;
}

static void told(struct bounces *b, const struct notice *n, struct message *m, uint16_t number)
{
	if (message_recipients(m)[number].state == owed_state(n))
		active_told(b->active, m, number);
}

/* Nobody can be told, or is to be: what was owed is over all the same. */
static void drop_owed(struct bounces *b, struct notice *n)
{
	struct message *m = message_for(b, n);
	for (size_t i = 0; m != NULL && i < m->recipient_count; i++)
		told(b, n, m, (uint16_t)i);
	conclude(b, n, m);
}

static void give_up(struct bounces *b, struct notice *n, const char *why)
{
	queue_log_notice(n->key.about, why, 0);
	drop_owed(b, n);
}

/* Its sender is told. */
static void settle(struct bounces *b, struct notice *n)
{
	struct message *m = message_for(b, n);
	for (size_t i = 0; m != NULL && i < n->count; i++)
		told(b, n, m, n->numbers[i]);
	conclude(b, n, m);
}

/* --- to the spool ------------------------------------------------------- */

static enum spool_outcome outcome_of(const struct notice *n)
{
	return n->key.kind == DSN_FAILURE   ? SPOOL_BOUNCED
	       : n->key.kind == DSN_SUCCESS ? SPOOL_DELIVERED
					    : SPOOL_WARNED;
}

static void submit(
    struct bounces *b, struct notice *n, const struct route_target *targets, size_t count)
{
	struct recipient list[EXPANSION_MAX];
	const struct str to = str_from(n->to, n->to_size);
	const struct envelope e = {
	    .arrival = loop_wall_ms(), .session = notice_session(n), .flags = n->flags};
	for (size_t i = 0; i < count; i++)
		list[i] = (struct recipient){.address = targets[i].address,
		    .original = to,
		    .nexthop = targets[i].nexthop,
		    .transport = targets[i].transport};
	struct spool_message sm = {.envelope = &e,
	    .recipients = list,
	    .recipient_count = count,
	    .large = n->content == NULL,
	    .large_size = n->size,
	    .settled = {n->key.about, (uint8_t)outcome_of(n), n->numbers, n->count}};
	if (n->content != NULL)
		sm.content = str_from(n->content->octets, n->content->n);
	n->message = message_new(b->active->scheduler, n->id, &e, list, count, n->size);
	spool_submit(b->spool, n->id, &sm, n);
}

static void on_committed(struct bounces *b, struct notice *n, const struct spool_place *place)
{
	struct content *content = n->content;
	static const char *const said[DSN_KINDS] = {
	    [DSN_FAILURE] = "sender non-delivery notification",
	    [DSN_DELAY] = "sender delay notification",
	    [DSN_SUCCESS] = "sender delivery status notification",
	    [DSN_DOUBLE] = "postmaster non-delivery notification",
	};
	queue_log_notice(n->key.about, said[n->kind], n->id);
	queue_log_accepted(n->message);
	active_commit(b->active, n->message, place);
	if (content != NULL)
		contents_put(b->reader->contents, content, n->id, loop_now_ms());
	n->content = NULL;
	n->message = NULL;
	n->id = 0;
	settle(b, n);
	if (b->on_progress != NULL)
		b->on_progress(b->ctx);
}

bool bounces_on_committed(struct bounces *b, void *tag, const struct spool_place *place, int error)
{
	struct notice *n;
	TAILQ_FOREACH(n, &b->working, link)
	if (n == tag)
		break;
	if (n == NULL)
		return false;
	if (error == 0) {
		on_committed(b, n, place);
		return true;
	}
	message_free(b->active->scheduler, n->message);
	n->message = NULL;
	if (n->content == NULL)
		n->id = 0; /* the spool removed the file */
	bounce_unmake(b, n);
	try_later(b, n);
	return true;
}

/* --- where to ----------------------------------------------------------- */

static void route(struct bounces *b, struct notice *n);

static void set_to(struct notice *n, struct str address)
{
	n->to_size = str_head(address, ADDRESS_MAX).n;
	if (n->to_size > 0)
		memcpy(n->to, address.p, n->to_size);
}

/* To the postmaster instead; what was made for the sender is made anew. */
static void make_double(struct bounces *b, struct notice *n)
{
	if (n->key.kind != DSN_FAILURE) {
		give_up(b, n, "its sender cannot be told, for there is no such address");
		return;
	}
	if (b->postmaster.n == 0) {
		give_up(b, n, "undeliverable, and there is nobody to tell: set \"postmaster\"");
		return;
	}
	n->kind = DSN_DOUBLE;
	set_to(n, b->postmaster);
	route(b, n);
}

static void go_to(
    struct bounces *b, struct notice *n, const struct route_target *targets, size_t count)
{
	struct message *m = message_for(b, n);
	enum make_result result = m == NULL ? MAKE_NOTHING : bounce_make(b, n, m);
	if (result == MAKE_LATER)
		try_later(b, n);
	else if (result == MAKE_NOTHING)
		settle(b, n);
	else
		submit(b, n, targets, count);
}

static void on_answer(void *ctx, uint64_t serial, const struct msg_address_answer *m)
{
	struct bounces *b = ctx;
	struct notice *n = find_working(b, serial);
	bool found =
	    (m->verdict == RCPT_LOCAL || m->verdict == RCPT_NOT_OURS) && m->targets_count > 0;
	if (n == NULL)
		return;
	if (b->stopping || m->verdict == RCPT_TEMPORARY)
		try_later(b, n);
	else if (found)
		go_to(b, n, m->targets, m->targets_count);
	else if (n->kind != DSN_DOUBLE)
		make_double(b, n);
	else
		give_up(b, n, "undeliverable, and the postmaster's address does not exist");
}

static void route(struct bounces *b, struct notice *n)
{
	router_ask(b->router, str_from(n->to, n->to_size), on_answer, b, n->serial);
}

/* Nobody is told of what comes from <> (RFC 5321 §4.5.5) but the postmaster, of failures. */
static void begin(struct bounces *b, struct notice *n)
{
	const struct message *m = message_for(b, n);
	if (m == NULL) {
		notice_end(b, n);
		return;
	}
	set_working(b, n, true);
	n->kind = (enum dsn_kind)n->key.kind;
	struct str sender = message_sender(m);
	if (sender.n > 0) {
		set_to(n, sender);
		route(b, n);
	} else if (n->kind == DSN_FAILURE) {
		make_double(b, n);
	} else {
		drop_owed(b, n);
	}
}

/* --- when --------------------------------------------------------------- */

/* What comes close together goes into one notice. */
static bool is_ripe(const struct bounces *b, const struct notice *n, uint64_t now)
{
	enum { UNDER_WAY = RECIPIENT_READY | RECIPIENT_ACTIVE | RECIPIENT_VISIBLE };
	const struct message *m = message_for(b, n);
	size_t owed = 0;
	bool busy = false;
	if (now < n->due)
		return false;
	if (m == NULL || owed_state(n) == 0 || now >= n->since + NOTICE_WAIT_MS)
		return true;
	for (size_t i = 0; i < m->recipient_count; i++) {
		unsigned state = message_recipients(m)[i].state;
		owed += state == owed_state(n);
		busy |= (state & UNDER_WAY) != 0;
	}
	return !busy || owed >= DSN_RECIPIENTS_MAX;
}

void bounces_run(struct bounces *b, uint64_t now)
{
	for (int i = 0; i < PER_RUN && b->at_work < NOTICES_AT_WORK && !b->stopping; i++) {
		struct notice *n = TAILQ_FIRST(&b->waiting);
		if (n == NULL)
			break;
		TAILQ_REMOVE(&b->waiting, n, link); /* those that are not ripe: to the end */
		TAILQ_INSERT_TAIL(&b->waiting, n, link);
		if (is_ripe(b, n, now))
			begin(b, n);
	}
	if (!TAILQ_EMPTY(&b->waiting))
		start_timer(b, TICK_MS);
}

static void on_timer(void *ctx)
{
	bounces_run(ctx, loop_now_ms());
}

static void on_failed(void *ctx, uint64_t id)
{
	notice_new(ctx, id, DSN_FAILURE);
}

static void on_overdue(void *ctx, uint64_t id)
{
	notice_new(ctx, id, DSN_DELAY);
}

static void on_succeeded(void *ctx, uint64_t id)
{
	notice_new(ctx, id, DSN_SUCCESS);
}

/* --- beginning and end -------------------------------------------------- */

void bounces_init(struct bounces *b, struct active *active, struct reader *reader,
    struct router *router, const struct templates *templates)
{
	*b = (struct bounces){.active = active,
	    .reader = reader,
	    .router = router,
	    .templates = templates,
	    .notices = hash_new(key_of)};
	TAILQ_INIT(&b->waiting);
	TAILQ_INIT(&b->working);
	b->timer = loop_timer(on_timer, b);
	active->notices = (struct active_notices){on_failed, on_succeeded, on_overdue, b};
}

void bounces_stop(struct bounces *b)
{
	b->stopping = true;
	loop_timer_stop(b->timer);
}

void bounces_reset(struct bounces *b)
{
	struct notice *n;
	b->stopping = true;
	b->active->notices = (struct active_notices){0};
	while ((n = TAILQ_FIRST(&b->working)) != NULL) {
		message_free(b->active->scheduler, n->message);
		notice_end(b, n);
	}
	while ((n = TAILQ_FIRST(&b->waiting)) != NULL)
		notice_end(b, n);
	hash_free(b->notices);
	event_free(b->timer);
	*b = (struct bounces){0};
}
