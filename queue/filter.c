/* SPDX-License-Identifier: ISC */
#include "queue/filter.h"
#include "common/mem.h"

#include <stdlib.h>

struct filter {
	char *sender, *recipient, *destination; /* "": any */
	uint16_t states;
	uint64_t before;
};

struct filter *filter_new(const struct msg_queue_list *m)
{
	if (m->sender.n + m->recipient.n + m->destination.n == 0 && m->states == 0 &&
	    m->before == 0)
		return NULL;
	struct filter *f = xcalloc(1, sizeof(*f));
	f->sender = str_dup(m->sender);
	f->recipient = str_dup(m->recipient);
	f->destination = str_dup(m->destination);
	f->states = m->states;
	f->before = m->before;
	return f;
}

void filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	free(f->sender);
	free(f->recipient);
	free(f->destination);
	free(f);
}

static struct str domain_of(struct str address)
{
	for (size_t i = address.n; i-- > 0;)
		if (address.p[i] == '@')
			return str_skip(address, i + 1);
	return (struct str){NULL, 0};
}

/* An address, "@" and a domain, or "<>" for the empty one. */
static bool is_like(struct str address, const char *pattern)
{
	struct str p = str_from_cstr(pattern);
	if (p.n == 0)
		return true;
	if (str_eq(p, STR("<>")))
		return address.n == 0;
	if (p.p[0] == '@')
		return str_caseeq(domain_of(address), str_skip(p, 1));
	return str_caseeq(address, p);
}

struct search {
	const struct filter *filter;
	bool found;
};

static bool look_at(void *ctx, const struct message *m, uint16_t number, const struct job *job)
{
	struct search *s = ctx;
	const struct filter *f = s->filter;
	const struct message_recipient *r = &message_recipients(m)[number];
	const struct str address = message_address(m, number);
	const struct str wanted = str_from_cstr(f->destination);
	if (job == NULL)
		job = &m->jobs[r->next]; /* as message_job */
	s->found = (f->states == 0 || (f->states & r->state)) && is_like(address, f->recipient) &&
		   (wanted.n == 0 || str_caseeq(domain_of(address), wanted) ||
		       str_caseeq(destination_name(job->to), wanted));
	return !s->found;
}

bool filter_fits(const struct filter *f, const struct message *m)
{
	struct search s = {.filter = f};
	if (f == NULL)
		return true;
	if ((f->before != 0 && m->arrival >= f->before) || !is_like(message_sender(m), f->sender))
		return false;
	if (f->states == 0 && f->recipient[0] == '\0' && f->destination[0] == '\0')
		return true;
	active_each_open(m, look_at, &s);
	return s.found;
}
