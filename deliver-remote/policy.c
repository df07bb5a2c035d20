/* SPDX-License-Identifier: ISC */
#include "deliver-remote/policy.h"
#include "common/mem.h"

#include <stdlib.h>

static void add_self(struct policy *p, const struct conf_listener *l)
{
	for (size_t i = 0; i < l->sockaddr_count; i++) {
		p->self = xreallocarray(p->self, p->self_count + 1, sizeof(*p->self));
		const struct sockaddr *sa = (const void *)&l->sockaddr[i];
		if (place_from_sockaddr(&p->self[p->self_count], sa))
			p->self_count++;
	}
}

struct policy *policy_new(const struct conf *conf)
{
	const struct conf_remote *r = &conf->remote;
	struct policy *p = xcalloc(1, sizeof(*p));
	p->holders = 1;
	p->hostname = xstrdup(conf->hostname);
	p->helo = xstrdup(r->helo != NULL ? r->helo : conf->hostname);
	p->connect_ms = (uint64_t)r->connect_timeout * 1000;
	p->greeting_ms = (uint64_t)r->greeting_timeout * 1000;
	p->command_ms = (uint64_t)r->command_timeout * 1000;
	p->data_ms = (uint64_t)r->data_timeout * 1000;
	p->end_ms = (uint64_t)r->end_timeout * 1000;
	p->reuse_idle_ms = (uint64_t)r->reuse_idle * 1000;
	p->reuse_max = r->reuse_max;
	p->chunking = r->chunking;
	p->concurrency = r->concurrency;
	p->port = (uint16_t)r->port;
	p->ipv4 = r->ipv4;
	p->ipv6 = r->ipv6;
	p->bind4 = place_from_text(&p->source4, r->source4, 0) && p->source4.family == 4;
	p->bind6 = place_from_text(&p->source6, r->source6, 0) && p->source6.family == 6;
	for (size_t i = 0; i < conf->listener_count; i++)
		if (conf->listeners[i].protocol != CONF_POP3)
			add_self(p, &conf->listeners[i]);
	return p;
}

struct policy *policy_hold(struct policy *policy)
{
	policy->holders++;
	return policy;
}

void policy_release(struct policy *policy)
{
	if (policy == NULL || --policy->holders > 0)
		return;
	free(policy->hostname);
	free(policy->helo);
	free(policy->self);
	free(policy);
}

bool policy_is_self(
    const struct policy *policy, const struct place *there, const struct place *local)
{
	static const uint8_t any[16];
	bool to_itself = local != NULL && local->family == there->family &&
			 memcmp(local->octets, there->octets, sizeof(there->octets)) == 0;
	for (size_t i = 0; i < policy->self_count; i++) {
		const struct place *s = &policy->self[i];
		bool wildcard = memcmp(s->octets, any, sizeof(any)) == 0;
		if (place_eq(s, there))
			return true;
		if (wildcard && to_itself && s->family == there->family && s->port == there->port)
			return true;
	}
	return false;
}
