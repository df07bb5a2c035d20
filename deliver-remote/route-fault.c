/* SPDX-License-Identifier: ISC
 *
 * What went wrong on a route: of the latest host in words, those before it as a list.
 */
#include "deliver-remote/route-internal.h"
#include "deliver-remote/diagnosis.h"

#include <stdio.h>

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
	snprintf(r->end.status, sizeof(r->end.status), "%.*s", STR_ARG(status));
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

void route_note_session(struct route *r, const struct session *s)
{
	const struct client_result *failure = client_failure(&s->client);
	route_push(r);
	text_printf(&r->last, s->said ? "host %s said: " : "%s: ", s->label);
	text_add(&r->last, text_str(&s->reason));
	text_printf(&r->last_host, "%s", s->relay);
	text_add(&r->last_said, text_str(&s->reason));
	bool own = failure->status.n == 0 || failure->status.p[0] != '4';
	note(r, s->fault, own ? fault_status(s->fault) : failure->status);
	if (!s->said)
		return;
	snprintf(r->end.mta, sizeof(r->end.mta), "%.*s", STR_ARG(session_mta(s)));
	text_add(&r->end.reply, failure->reply);
}

void route_note(struct route *r, const struct session *s, struct str what)
{
	route_push(r);
	text_printf(&r->last, "%s: %.*s", s->label, STR_ARG(what));
	text_printf(&r->last_host, "%s", s->relay);
	text_add(&r->last_said, what);
	note(r, LINK_GREETING, STR("4.4.2"));
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
