/* SPDX-License-Identifier: ISC
 *
 * The intake protocol: which message is legal in which state of its cookie, and
 * what it may contain. Whatever a worker sends is suspect; a handler that returns
 * false ends that worker's channel, and everything of it not committed is undone.
 */
#include "queue/intake-internal.h"
#include "queue/queue-log.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/nexthop.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct refusal refusal_space = {452, "4.3.1", "insufficient system storage"};
static const struct refusal refusal_trouble = {451, "4.3.0", "mail cannot be stored at the moment"};
static const struct refusal refusal_too_many = {452, "4.5.3", "too many recipients"};
static const struct refusal refusal_busy = {451, "4.3.2", "too much mail at once, try again later"};
static const struct refusal refusal_too_large = {552, "5.3.4", "message too large"};
static const struct refusal refusal_unclean = {554, "5.1.0", "control characters in the envelope"};
static const struct refusal refusal_full = {
    452, "4.3.1", "too much mail is waiting, try again later"};

const struct refusal *refusal_for(int error)
{
	return error == ENOSPC || error == EDQUOT ? &refusal_space : &refusal_trouble;
}

/* --- transactions ------------------------------------------------------- */

static struct transaction *find(const struct intake_peer *peer, uint32_t cookie)
{
	return hash_find(peer->transactions, str_from(&cookie, sizeof(cookie)));
}

/* The cookie's transaction, a new one if need be, when it is in one of `states`; else NULL. */
static struct transaction *enter(struct intake_peer *peer, uint32_t cookie, unsigned states)
{
	struct transaction *t = find(peer, cookie);
	if (t != NULL)
		return (t->state & states) != 0 ? t : NULL;
	if ((states & TRANSACTION_NONE) == 0 || hash_count(peer->transactions) >= TRANSACTIONS_MAX)
		return NULL;
	t = transaction_new(peer, cookie);
	hash_put(peer->transactions, t);
	return t;
}

void intake_end(struct transaction *t)
{
	t->peer->octets -= transaction_octets(t);
	hash_take(t->peer->transactions, transaction_key(t));
	transaction_free(t);
}

void intake_refuse(struct transaction *t, const struct refusal *why)
{
	const struct msg_refused m = {.cookie = t->cookie,
	    .code = why->code,
	    .enhanced = str_from_cstr(why->enhanced),
	    .text = str_from_cstr(why->text)};
	msg_refused_send(t->peer->channel, &m, NULL);
	intake_end(t);
}

bool intake_answer_committed(struct transaction *t, uint64_t id)
{
	const struct msg_committed m = {.cookie = t->cookie, .id = id};
	bool sent = msg_committed_send(t->peer->channel, &m, NULL);
	intake_end(t);
	return sent;
}

/* --- what may be in a submission ---------------------------------------- */

/* No control characters: they would break lines in headers and terminals. A client may get them
 * as far as here (xtext), so they cost the message, not the worker. */
static bool is_clean(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == '\x7f')
			return false;
	return true;
}

static bool is_clean_envelope(const struct envelope *e)
{
	return is_clean(e->reverse_path) && is_clean(e->envid) && is_clean(e->client) &&
	       is_clean(e->helo) && is_clean(e->login) && is_clean(e->session);
}

static bool are_clean_recipients(const struct recipient *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_clean(list[i].address) || !is_clean(list[i].original) ||
		    !is_clean(list[i].orcpt) || !is_clean(list[i].nexthop))
			return false;
	return true;
}

/* A nexthop that is none would be in the spool, and be told deliver-remote, which is not at fault,
 * at every try. */
static bool is_sound_recipient(const struct recipient *r)
{
	struct nexthop nexthop;
	if (r->transport < TRANSPORT_LOCAL || r->transport > TRANSPORT_HOLD || r->address.n == 0)
		return false;
	bool wanted = r->transport == TRANSPORT_REMOTE || r->nexthop.n > 0;
	return !wanted || nexthop_parse(r->nexthop, &nexthop);
}

static bool are_sound_recipients(const struct recipient *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_sound_recipient(&list[i]))
			return false;
	return true;
}

/* The first reason against it counts; it is told at the submit. */
static void object(struct transaction *t, const struct refusal *why)
{
	if (t->refusal == NULL)
		t->refusal = why;
}

/* False when no worker in its right mind would send them. */
static bool add_recipients(struct transaction *t, const struct recipient *list, size_t count)
{
	size_t before = transaction_octets(t);
	if (!are_sound_recipients(list, count))
		return false;
	if (!are_clean_recipients(list, count))
		object(t, &refusal_unclean);
	if (t->refusal != NULL)
		return true;
	if (!transaction_add(t, list, count))
		object(t, &refusal_too_many);
	t->peer->octets += transaction_octets(t) - before;
	if (t->peer->octets > PEER_OCTETS_MAX)
		object(t, &refusal_busy);
	return true;
}

/* Gives `incoming` all recipients: those that came ahead and these. */
static bool gather(
    struct transaction *t, struct incoming *incoming, const struct recipient *list, size_t count)
{
	if (t->count == 0) {
		incoming->recipients = list;
		incoming->count = count;
		if (!are_clean_recipients(list, count))
			object(t, &refusal_unclean);
		return are_sound_recipients(list, count) && (count > 0 || t->refusal != NULL);
	}
	if (!add_recipients(t, list, count))
		return false;
	incoming->recipients = t->recipients;
	incoming->count = t->count;
	return true;
}

static const struct refusal *why_not(const struct transaction *t, const struct incoming *incoming)
{
	const struct intake *in = t->peer->in;
	if (in->closed_error != 0)
		return refusal_for(in->closed_error);
	if (t->refusal != NULL)
		return t->refusal;
	if (t->peer->octets + incoming->content.n > PEER_OCTETS_MAX)
		return &refusal_busy;
	if (in->active->recipients + incoming->count > ACTIVE_RECIPIENTS_MAX)
		return &refusal_full;
	if (incoming->size > in->message_max + TRACE_HEADER_MAX)
		return &refusal_too_large;
	return NULL;
}

/* Never in the future: mail from there would not be retried. */
static uint64_t sane_arrival(uint64_t arrival)
{
	uint64_t now = loop_wall_ms();
	return arrival < now ? arrival : now;
}

static bool take_message(
    struct transaction *t, struct incoming *incoming, const struct recipient *list, size_t count)
{
	if (!gather(t, incoming, list, count))
		return false;
	if (!is_clean_envelope(&incoming->envelope))
		object(t, &refusal_unclean);
	incoming->envelope.arrival = sane_arrival(incoming->envelope.arrival);
	const struct refusal *why = why_not(t, incoming);
	if (why == NULL) {
		submission_begin(t, incoming);
		return true;
	}
	if (incoming->large)
		spool_large_abandon(t->peer->in->spool, incoming->id);
	intake_refuse(t, why);
	return true;
}

/* --- messages ----------------------------------------------------------- */

static bool on_submit_recipients(void *ctx, const struct msg_submit_recipients *m, int *fds)
{
	struct transaction *t =
	    enter(ctx, m->cookie, TRANSACTION_NONE | TRANSACTION_COLLECTING | TRANSACTION_LARGE);
	(void)fds;
	return t != NULL && add_recipients(t, m->recipients, m->recipients_count);
}

static bool on_submit(void *ctx, const struct msg_submit *m, int *fds)
{
	struct transaction *t = enter(ctx, m->cookie, TRANSACTION_NONE | TRANSACTION_COLLECTING);
	(void)fds;
	if (t == NULL)
		return false;
	if (m->repeated && submission_join(t, m->envelope.token))
		return true;
	struct incoming incoming = {
	    .envelope = m->envelope, .content = m->content, .size = m->content.n};
	return take_message(t, &incoming, m->recipients, m->recipients_count);
}

static bool on_large_open(void *ctx, const struct msg_large_open *m, int *fds)
{
	struct transaction *t = enter(ctx, m->cookie, TRANSACTION_NONE | TRANSACTION_COLLECTING);
	(void)fds;
	if (t == NULL)
		return false;
	struct spool *spool = t->peer->in->spool;
	t->id = spool_next_id(spool);
	int fd = spool_large_create(spool, t->id);
	if (fd < 0) {
		intake_refuse(t, refusal_for(errno));
		return true;
	}
	t->state = TRANSACTION_LARGE;
	const struct msg_large_file answer = {.cookie = t->cookie};
	msg_large_file_send(t->peer->channel, &answer, &fd);
	close(fd);
	return true;
}

static bool on_submit_large(void *ctx, const struct msg_submit_large *m, int *fds)
{
	struct transaction *t = enter(ctx, m->cookie, TRANSACTION_LARGE);
	(void)fds;
	if (t == NULL)
		return false;
	struct incoming incoming = {
	    .envelope = m->envelope, .id = t->id, .large = true, .size = m->size};
	return take_message(t, &incoming, m->recipients, m->recipients_count);
}

/* Undoes what there is of a transaction; the spool's copy of a submitted one when it comes. */
static void undo(struct transaction *t)
{
	struct spool *spool = t->peer->in->spool;
	if (t->state == TRANSACTION_LARGE && spool != NULL)
		spool_large_abandon(spool, t->id);
	if (t->state == TRANSACTION_SUBMITTED)
		submission_leave(t);
}

/* The answer and this may have crossed, so a cookie that is not known is no fault. */
static bool on_submit_abandon(void *ctx, const struct msg_submit_abandon *m, int *fds)
{
	struct transaction *t = find(ctx, m->cookie);
	(void)fds;
	if (t == NULL)
		return true;
	undo(t);
	intake_end(t);
	return true;
}

static const struct smtpd_queue_server_handlers handlers = {
    .submit_recipients = on_submit_recipients,
    .submit = on_submit,
    .large_open = on_large_open,
    .submit_large = on_submit_large,
    .submit_abandon = on_submit_abandon,
};

/* --- workers ------------------------------------------------------------ */

static void undo_each(void *transaction, void *ctx)
{
	(void)ctx;
	undo(transaction);
	transaction_free(transaction);
}

static void free_peer(struct intake_peer *peer)
{
	if (peer == NULL)
		return;
	struct intake *in = peer->in;
	hash_each(peer->transactions, undo_each, NULL);
	hash_free(peer->transactions);
	for (struct submission *s = in->under_way; s != NULL; s = s->next)
		if (s->charged == peer)
			s->charged = NULL;
	in->peers[peer->instance] = NULL;
	channel_free(peer->channel);
	free(peer);
}

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct intake_peer *peer = ctx;
	size_t undone = hash_count(peer->transactions);
	/* At a stop it goes first, with nothing under way. */
	log_message(undone > 0 ? LOG_WARNING : channel_loss_level(channel),
	    "smtpd %u: %s; %zu transactions rolled back", peer->instance, why, undone);
	free_peer(peer);
}

static void send_intake(struct intake_peer *peer)
{
	int error = peer->in->closed_error;
	struct msg_intake m = {.open = error == 0};
	if (error != 0)
		m.text = str_from_cstr(refusal_for(error)->text);
	msg_intake_send(peer->channel, &m, NULL);
}

void intake_add_peer(struct intake *in, unsigned instance, int fd)
{
	if (instance >= INTAKE_PEERS) {
		log_message(LOG_ERR, "smtpd %u is one too many", instance);
		close(fd);
		return;
	}
	free_peer(in->peers[instance]);
	struct intake_peer *peer = xcalloc(1, sizeof(*peer));
	peer->in = in;
	peer->instance = instance;
	peer->transactions = hash_new(transaction_key);
	peer->channel = channel_new(fd, &smtpd_queue_server, &handlers, peer, on_closed);
	in->peers[instance] = peer;
	send_intake(peer);
}

void intake_on_space(struct intake *in, bool open, int error)
{
	in->closed_error = open ? 0 : error != 0 ? error : ENOSPC;
	if (open)
		log_message(LOG_NOTICE, "new mail is accepted again");
	else
		log_message(LOG_ERR, "no new mail is accepted: %s%s",
		    strerrordesc_np(in->closed_error),
		    in->closed_error == ENOSPC
			? ": make room where the spool is; space-min and spool-max say how much"
			: "");
	for (unsigned i = 0; i < INTAKE_PEERS; i++)
		if (in->peers[i] != NULL)
			send_intake(in->peers[i]);
}

void intake_reset(struct intake *in)
{
	for (unsigned i = 0; i < INTAKE_PEERS; i++)
		free_peer(in->peers[i]);
}
