/* SPDX-License-Identifier: ISC
 *
 * What the spool is making durable, who waits for it, and what happens then.
 *
 * Invariant: every submission in `under_way` has exactly one callback to come. It
 * is the only owner of its message and content until then.
 */
#include "queue/intake-internal.h"
#include "queue/queue-log.h"
#include "common/loop.h"
#include "common/mem.h"

#include <stdlib.h>

static void link_submission(struct intake *in, struct submission *s)
{
	s->next = in->under_way;
	if (s->next != NULL)
		s->next->previous = s;
	in->under_way = s;
}

static void unlink_submission(struct intake *in, struct submission *s)
{
	if (s->previous == NULL)
		in->under_way = s->next;
	else
		s->previous->next = s->next;
	if (s->next != NULL)
		s->next->previous = s->previous;
}

static void wait_for(struct transaction *t, struct submission *s)
{
	t->state = TRANSACTION_SUBMITTED;
	t->submission = s;
	t->next = s->waiters;
	s->waiters = t;
}

void submission_leave(struct transaction *t)
{
	struct transaction **at = &t->submission->waiters;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
}

static size_t keep(char *to, struct str from, size_t max)
{
	from = str_head(from, max);
	if (from.n > 0)
		memcpy(to, from.p, from.n);
	return from.n;
}

static struct submission *submission_new(struct transaction *t, const struct incoming *incoming)
{
	struct intake *in = t->peer->in;
	struct submission *s = xcalloc(1, sizeof(*s));
	s->id = incoming->id != 0 ? incoming->id : spool_next_id(in->spool);
	s->token = incoming->envelope.token;
	s->message =
	    message_new(in->active->scheduler, s->id, &incoming->envelope, incoming->recipients,
		incoming->count, incoming->large ? incoming->size : incoming->content.n);
	if (!incoming->large) {
		s->content = content_new(incoming->content);
		content_note_envelope(
		    s->content, &incoming->envelope, incoming->recipients, incoming->count);
	}
	s->octets = sizeof(*s) + message_octets(s->message) + incoming->content.n;
	s->charged = t->peer;
	t->peer->octets += s->octets;
	s->session_size = keep(s->session, incoming->envelope.session, sizeof(s->session));
	s->client_size = keep(s->client, incoming->envelope.client, sizeof(s->client));
	s->login_size = keep(s->login, incoming->envelope.login, sizeof(s->login));
	s->flags = incoming->envelope.flags;
	return s;
}

void submission_begin(struct transaction *t, const struct incoming *incoming)
{
	struct intake *in = t->peer->in;
	struct submission *s = submission_new(t, incoming);
	link_submission(in, s);
	wait_for(t, s);
	tokens_add(in->tokens, s->token, s->id, loop_now_ms());
	struct spool_message m = {.envelope = &incoming->envelope,
	    .recipients = incoming->recipients,
	    .recipient_count = incoming->count,
	    .large = incoming->large,
	    .large_size = incoming->size};
	if (s->content != NULL)
		m.content = str_from(s->content->octets, s->content->n);
	spool_submit(in->spool, s->id, &m, s);
}

static struct submission *find_under_way(const struct intake *in, uint64_t id)
{
	for (struct submission *s = in->under_way; s != NULL; s = s->next)
		if (s->id == id)
			return s;
	return NULL;
}

bool submission_join(struct transaction *t, uint64_t token)
{
	struct intake *in = t->peer->in;
	uint64_t id;
	if (!tokens_find(in->tokens, token, loop_now_ms(), &id))
		return false;
	struct submission *s = find_under_way(in, id);
	if (s != NULL) {
		wait_for(t, s);
		return true;
	}
	intake_answer_committed(t, id);
	return true;
}

/* --- the spool's answer ------------------------------------------------- */

static void discard(struct intake *in, struct submission *s)
{
	tokens_remove(in->tokens, s->token, s->id);
	message_free(in->active->scheduler, s->message);
	content_free(s->content);
}

static void refuse_all(struct intake *in, struct submission *s, int error)
{
	const struct refusal *why = refusal_for(error);
	queue_log_refused(
	    s->id, str_from(s->session, s->session_size), str_from_cstr(strerrordesc_np(error)));
	for (struct transaction *t; (t = s->waiters) != NULL;) {
		s->waiters = t->next;
		intake_refuse(t, why);
	}
	discard(in, s);
}

/* Nobody can have been told: no trace may remain (P2). */
static void roll_back(struct intake *in, struct submission *s, const struct spool_place *place)
{
	spool_finish(in->spool, s->id, place);
	queue_log_refused(s->id, str_from(s->session, s->session_size),
	    STR("withdrawn: smtpd went away before it was answered"));
	discard(in, s);
}

static bool answer_all(struct submission *s)
{
	bool answered = false;
	for (struct transaction *t; (t = s->waiters) != NULL;) {
		s->waiters = t->next;
		answered |= intake_answer_committed(t, s->id);
	}
	return answered;
}

void intake_on_committed(
    struct intake *in, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	struct submission *s = tag;
	(void)id;
	unlink_submission(in, s);
	if (s->charged != NULL)
		s->charged->octets -= s->octets;
	if (error != 0) {
		refuse_all(in, s, error);
	} else if (!answer_all(s)) {
		roll_back(in, s, place);
	} else {
		queue_log_client(
		    s->id, &(struct envelope){.client = str_from(s->client, s->client_size),
			       .session = str_from(s->session, s->session_size),
			       .login = str_from(s->login, s->login_size),
			       .flags = s->flags});
		queue_log_accepted(s->message);
		if (s->content != NULL)
			contents_put(in->contents, s->content, s->id, loop_now_ms());
		active_commit(in->active, s->message, place);
	}
	free(s);
}
