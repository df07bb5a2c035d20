/* SPDX-License-Identifier: ISC
 *
 * What becomes of each recipient of a delivery, and the words for it.
 */
#include "deliver-remote/delivery-internal.h"

struct str delivery_keep(struct delivery *d, struct str s, size_t max)
{
	struct str out;
	return pool_copy(d->pool, str_head(s, max), &out) ? out : STR("");
}

void delivery_set_result(struct delivery *d, size_t target, enum delivery_outcome outcome,
    struct str status, struct str text)
{
	struct outcome *o = &d->outcomes[target];
	o->result = (struct remote_result){
	    .number = d->to.targets[target].number,
	    .tried = (uint8_t)d->tries.count,
	    .own = TRIED_MAX,
	    .outcome = (uint8_t)outcome,
	    .status = delivery_keep(d, status, ENHANCED_CODE_MAX),
	    .text = delivery_keep(d, text, REASON_MAX),
	};
	o->known = true;
}

void delivery_settle_all(
    struct delivery *d, enum delivery_outcome outcome, struct str status, struct str text)
{
	for (size_t i = 0; i < d->to.targets_count; i++) {
		if (!d->outcomes[i].known)
			delivery_set_result(d, i, outcome, status, text);
		d->outcomes[i].settled = true;
	}
}

size_t delivery_unsettled(const struct delivery *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->to.targets_count; i++)
		n += !d->outcomes[i].settled;
	return n;
}

static void describe(const struct session *s, const struct client_result *r, struct text *t)
{
	const char *command = r->command != NULL ? r->command : "";
	text_clear(t);
	if (r->outcome == DELIVERY_TAKEN && r->reply.n > 0) {
		text_add(t, r->reply);
		return;
	}
	if (r->reply.n > 0)
		text_printf(
		    t, "host %s said: %.*s (in reply to %s)", s->label, STR_ARG(r->reply), command);
	else
		text_printf(t, "%s: %.*s", s->label, STR_ARG(r->text));
}

static bool is_loss(const struct client_result *r)
{
	return r->cause == CLIENT_LOST || r->cause == CLIENT_SHUTTING_DOWN ||
	       r->cause == CLIENT_TIMED_OUT;
}

/* A session that had been idle and turns out to be at its end proves nothing. */
static bool proves_nothing(
    const struct delivery *d, const struct session *s, const struct client_result *r)
{
	return s->reused && !d->began_anew && r->outcome == DELIVERY_DEFERRED && !r->maybe_taken &&
	       (is_loss(r) || r->next_host);
}

static void note_verdict(struct delivery *d, const struct client_result *r)
{
	if (r->cause == CLIENT_OWN_FAULT)
		return;
	bool answer = r->cause == CLIENT_NO_FAILURE || r->cause == CLIENT_UNSENDABLE ||
		      r->cause == CLIENT_OVER_LIMIT ||
		      (r->cause == CLIENT_REFUSED && !r->next_host);
	d->answered = d->answered || answer;
	d->lost = d->lost || !answer;
}

/* RFC 8689 §4.2.1: what that comes to is decided when no host is left. */
static bool is_unable(const struct client_result *r)
{
	return r->outcome == DELIVERY_FAILED && r->next_host;
}

static void note_unable(struct delivery *d, const struct session *s, const struct client_result *r)
{
	d->answered = true;
	if (d->routed && !d->noted)
		route_note_unable(&d->route, s, r->status, r->text);
	d->noted = true;
}

void delivery_on_result(
    struct session *s, void *owner, size_t recipient, const struct client_result *r)
{
	struct delivery *d = owner;
	size_t target = d->numbers[recipient];
	struct outcome *o = &d->outcomes[target];
	struct text text;
	if (r->again && d->transactions < TRANSACTIONS_MAX) {
		d->again = true;
		return;
	}
	if (proves_nothing(d, s, r)) {
		d->anew = true;
		return;
	}
	if (is_unable(r)) {
		note_unable(d, s, r);
		return;
	}
	note_verdict(d, r);
	describe(s, r, &text);
	delivery_set_result(d, target, r->outcome, r->status, text_str(&text));
	o->result.mta = delivery_keep(d, session_mta(s), DOMAIN_MAX);
	o->result.reply = delivery_keep(d, r->reply, REMOTE_TEXT_MAX);
	o->result.dsn_passed = r->dsn_passed;
	o->settled = !(r->outcome == DELIVERY_DEFERRED && r->next_host && !r->maybe_taken);
	if (!o->settled && d->routed && !d->noted)
		route_note(&d->route, s, r->reply.n > 0 ? r->reply : r->text);
	d->noted = d->noted || !o->settled;
	if (!o->settled)
		o->result.own = (uint8_t)d->tries.count;
}

void delivery_take_end(struct delivery *d, const struct route_end *end)
{
	for (size_t i = 0; i < d->to.targets_count; i++) {
		struct outcome *o = &d->outcomes[i];
		if (o->settled)
			continue;
		if (o->known) {
			o->result.tried = (uint8_t)d->tries.count;
			continue;
		}
		delivery_set_result(
		    d, i, end->outcome, str_from_cstr(end->status), text_str(&end->text));
		o->result.mta = delivery_keep(d, str_from_cstr(end->mta), DOMAIN_MAX);
		o->result.reply = delivery_keep(d, text_str(&end->reply), REMOTE_TEXT_MAX);
		o->result.tried = (uint8_t)end->tried;
	}
}
