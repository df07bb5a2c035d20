/* SPDX-License-Identifier: ISC
 *
 * What went wrong on a route: of the latest host in words, those before it as a list.
 */
#include "deliver-remote/route-internal.h"
#include "deliver-remote/diagnosis.h"

#include <stdio.h>

#define STATUS_NEEDS_TLS STR("5.7.10") /* RFC 8689 §4.2.1 */

static struct str keep(const struct tries *t, const struct text *text)
{
	struct str out;
	return pool_copy(t->pool, text_str(text), &out) ? out : STR("");
}

void route_push(struct route *r)
{
	struct tries *t = r->tries;
	if (r->last.n == 0)
		return;
	if (t->count < TRIED_MAX) {
		t->list[t->count].host = str_head(keep(t, &r->last_host), RELAY_MAX);
		t->list[t->count].said = keep(t, &r->last_said);
		t->count++;
	}
	text_clear(&r->last);
	text_clear(&r->last_host);
	text_clear(&r->last_said);
}

static void note(struct route *r, enum link_fault fault, struct str status)
{
	r->fault = fault;
	r->destination_at_fault = r->destination_at_fault || !fault_is_ours(fault);
	r->passing = true;
	snprintf(r->end.status, sizeof(r->end.status), "%.*s", STR_ARG(status));
	r->end.mta[0] = '\0';
	text_clear(&r->end.reply);
}

/* Only the sender of this one mail asks for more than there is: that is no fault of the
 * destination, whose other mail goes on. */
static void note_unable(struct route *r, struct str status)
{
	r->fault = LINK_TLS_POLICY;
	r->skip = true;
	snprintf(r->unable, sizeof(r->unable), "%.*s", STR_ARG(status));
	snprintf(r->end.status, sizeof(r->end.status), "%s", r->unable);
	r->end.mta[0] = '\0';
	text_clear(&r->end.reply);
}

void route_note_connect(struct route *r, const struct place *place, enum link_fault fault)
{
	char address[PLACE_TEXT_MAX];
	const char *host = r->host != NULL ? r->host : "";
	route_push(r);
	place_format(place, address);
	text_printf(
	    &r->last, "connect to %s[%s]:%u: %s", host, address, place->port, fault_words(fault));
	text_printf(&r->last_host, "%s[%s]:%u", host, address, place->port);
	text_printf(&r->last_said, "%s", fault_words(fault));
	note(r, fault, fault_status(fault));
}

void route_note_host(struct route *r, enum link_fault fault, struct str status, struct str text)
{
	route_push(r);
	text_add(&r->last, text);
	text_add(&r->last_said, text);
	note(r, fault, status);
}

void route_note_unmet(struct route *r, struct str text)
{
	route_push(r);
	text_add(&r->last, text);
	text_add(&r->last_said, text);
	note_unable(r, STATUS_NEEDS_TLS);
}

/* No TLS, or not with whom it must be (RFC 8689 §4.2.1); what 4xx, the clock or the line put off is
 * not. */
static bool is_unable(const struct route *r, const struct session *s)
{
	bool put_off = s->passing || str_has_prefix(client_failure(&s->client)->reply, STR("4"));
	bool tls = s->fault == LINK_TLS || s->fault == LINK_TLS_POLICY;
	return r->wish == TLS_WISH_REQUIRED && tls && !put_off;
}

void route_note_session(struct route *r, const struct session *s)
{
	const struct client_result *failure = client_failure(&s->client);
	route_push(r);
	text_printf(&r->last, s->said ? "host %s said: " : "%s: ", s->label);
	text_add(&r->last, text_str(&s->reason));
	text_printf(&r->last_host, "%s", s->relay);
	text_add(&r->last_said, text_str(&s->reason));
	bool own = failure->status.n == 0 || failure->status.p[0] != '4';
	if (is_unable(r, s))
		note_unable(r, STATUS_NEEDS_TLS);
	else
		note(r, s->fault, own ? fault_status(s->fault) : failure->status);
	if (!s->said)
		return;
	snprintf(r->end.mta, sizeof(r->end.mta), "%.*s", STR_ARG(session_mta(s)));
	text_add(&r->end.reply, failure->reply);
}

static void note_what(struct route *r, const struct session *s, struct str what)
{
	route_push(r);
	text_printf(&r->last, "%s: %.*s", s->label, STR_ARG(what));
	text_printf(&r->last_host, "%s", s->relay);
	text_add(&r->last_said, what);
}

void route_note(struct route *r, const struct session *s, struct str what)
{
	note_what(r, s, what);
	note(r, LINK_GREETING, STR("4.4.2"));
}

void route_note_unable(struct route *r, const struct session *s, struct str status, struct str what)
{
	note_what(r, s, what);
	note_unable(r, status);
	snprintf(r->end.mta, sizeof(r->end.mta), "%.*s", STR_ARG(session_mta(s)));
}

/* --- who greets ---------------------------------------------------------- */

void route_note_greeter(const struct route *r, const struct session *s)
{
	if (route_is_looked_up(r) && r->host != NULL && s->started)
		diagnosis_note_greeting(r->host, str_from_cstr(s->client.greeter));
}

/* An exchanger that DNS names and that greets with our own name is this server, by whatever address
 * it was reached: behind a translator of addresses that is not one of ours. Nexthops that the
 * operator names may be another program of this machine. */
bool route_is_greeted_by_self(const struct route *r, const struct session *s)
{
	struct str greeter = str_from_cstr(s->client.greeter);
	return route_is_looked_up(r) && r->host != NULL && s->started && greeter.n > 0 &&
	       str_caseeq(greeter, str_from_cstr(r->policy->hostname));
}
