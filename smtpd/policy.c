/* SPDX-License-Identifier: ISC */
#include "smtpd/policy.h"
#include "common/mem.h"

#include <stdlib.h>

enum { MS = 1000 };

static struct smtp_policy smtp_policy_of(const struct conf *conf)
{
	const struct conf_smtp *c = &conf->smtp;
	return (struct smtp_policy){
	    .message_max = c->message_max,
	    .recipients_max = c->recipients_max,
	    .bad_commands_max = c->bad_commands_max,
	    .commands_per_minute = c->commands_per_minute,
	    .messages_per_session = c->messages_per_session,
	    .header_max = c->header_max,
	    .hops_max = c->hops_max,
	    .login_failures_max = c->login_failures_max,
	    .bare_newline_refuse = c->bare_newline_refuse,
	    .sender_owned = conf->submission.sender_owned,
	    .header_from_owned = conf->submission.header_from_owned,
	};
}

struct policy *policy_new(const struct conf *conf)
{
	const struct conf_smtp *c = &conf->smtp;
	struct policy *p = xcalloc(1, sizeof(*p));
	unsigned workers = conf->workers > 0 ? conf->workers : 1;
	p->smtp = smtp_policy_of(conf);
	p->connections_max = (c->connections_max + workers - 1) / workers;
	p->connections_per_address = c->connections_per_address;
	p->command_timeout_ms = c->command_timeout * MS;
	p->data_timeout_ms = c->data_timeout * MS;
	p->session_timeout_ms = c->session_timeout * MS;
	p->data_rate_min = c->data_rate_min;
	p->plaintext_login = c->plaintext_login;
	p->references = 1;
	p->hostname = xstrdup(conf->hostname == NULL ? "localhost" : conf->hostname);
	p->postmaster = conf->postmaster == NULL ? NULL : xstrdup(conf->postmaster);
	p->smtp.hostname = str_from_cstr(p->hostname);
	p->smtp.postmaster = str_from_cstr(p->postmaster);
	return p;
}

struct policy *policy_hold(struct policy *p)
{
	p->references++;
	return p;
}

void policy_release(struct policy *p)
{
	if (p == NULL || --p->references > 0)
		return;
	free(p->hostname);
	free(p->postmaster);
	free(p);
}
