/* SPDX-License-Identifier: ISC
 *
 * Why a session ended, from what the core says of it.
 */
#include "deliver-remote/session-internal.h"

static enum link_fault fault_of_loss(const struct session *s, const struct client_result *failure)
{
	bool greeting = s->phase == CLIENT_PHASE_GREETING;
	if (failure->cause == CLIENT_TIMED_OUT)
		return greeting ? LINK_SILENT : LINK_LOST;
	return greeting ? LINK_CLOSED : LINK_LOST;
}

static enum link_fault fault_of(const struct session *s, const struct client_result *failure)
{
	switch (failure->cause) {
	case CLIENT_NO_FAILURE:
		return LINK_NONE;
	case CLIENT_REFUSED:
	case CLIENT_SHUTTING_DOWN:
		return LINK_GREETING;
	case CLIENT_LOST:
	case CLIENT_TIMED_OUT:
		return fault_of_loss(s, failure);
	case CLIENT_MALFORMED:
		return LINK_NO_SMTP;
	case CLIENT_INJECTED:
		return LINK_TLS;
	case CLIENT_TLS_MISSING:
		return LINK_TLS_POLICY;
	case CLIENT_AUTH_MISSING:
		return LINK_LOGIN;
	case CLIENT_UNSENDABLE:
	case CLIENT_OWN_FAULT:
	case CLIENT_OVER_LIMIT:
		break;
	}
	return LINK_STOPPING;
}

/* Why, unless it is known already (TLS). */
void session_explain(struct session *s)
{
	const struct client_result *failure = client_failure(&s->client);
	if (s->fault != LINK_NONE)
		return;
	s->fault = fault_of(s, failure);
	s->said = failure->reply.n > 0;
	text_clear(&s->reason);
	if (s->said)
		text_printf(&s->reason, "%.*s (in reply to %s)", STR_ARG(failure->reply),
		    failure->command != NULL ? failure->command : "the connection");
	else
		text_add(&s->reason, failure->text);
}

void session_set_fault(struct session *s, enum link_fault fault, struct str reason)
{
	if (s->fault != LINK_NONE)
		return;
	s->fault = fault;
	text_clear(&s->reason);
	text_add(&s->reason, reason);
}
