/* SPDX-License-Identifier: ISC */
#include "queue/policies.h"
#include "common/mem.h"

#include <stdlib.h>

enum {
	WINDOW_FIRST = 5,
	DEAD_AFTER = 5,		 /* a first windowful */
	BACKOFF_MAX_S = 30 * 60, /* mail behind it has not even been tried */
	AT_ONCE = 1024,
};

struct entry {
	struct destination_policy policy;
	size_t size;
	char name[]; /* in lower case */
};

struct policies {
	struct hash *entries;
};

static struct str key_of(const void *entry)
{
	const struct entry *e = entry;
	return str_from(e->name, e->size);
}

static void lower(char *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		out[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] - 'A' + 'a' : s.p[i]);
}

static unsigned at_most(unsigned value, unsigned max)
{
	return value < max ? value : max;
}

static struct destination_policy remote_policy(
    unsigned concurrency, unsigned retry_first, unsigned retry_max)
{
	return (struct destination_policy){.window_first = at_most(WINDOW_FIRST, concurrency),
	    .window_max = concurrency,
	    .dead_after = DEAD_AFTER,
	    .backoff_first = at_most(retry_first, BACKOFF_MAX_S),
	    .backoff_max = at_most(retry_max, BACKOFF_MAX_S)};
}

static struct entry *entry_new(const struct conf_destination *d)
{
	struct str name = str_from_cstr(d->name);
	struct entry *e = xcalloc(1, sizeof(*e) + name.n);
	e->size = name.n;
	lower(e->name, name);
	e->policy = remote_policy(d->concurrency, d->retry_first, d->retry_max);
	e->policy.rate = d->rate;
	e->policy.retry = (struct retry_policy){.first = d->retry_first, .max = d->retry_max};
	e->policy.lifetime = d->lifetime;
	return e;
}

struct policies *policies_new(const struct conf *conf)
{
	struct policies *p = xcalloc(1, sizeof(*p));
	p->entries = hash_new(key_of);
	for (size_t i = 0; i < conf->destination_count; i++)
		free(hash_put(p->entries, entry_new(&conf->destinations[i])));
	return p;
}

static void free_entry(void *entry, void *ctx)
{
	(void)ctx;
	free(entry);
}

void policies_free(struct policies *p)
{
	if (p == NULL)
		return;
	hash_each(p->entries, free_entry, NULL);
	hash_free(p->entries);
	free(p);
}

/* Only a plain domain is below another: "smtp:[mx.example.org]" and such have their own name. */
static bool is_plain(struct str name)
{
	return name.n > 0 && memchr(name.p, ':', name.n) == NULL && name.p[0] != '[';
}

const struct destination_policy *policies_find(const struct policies *p, struct str nexthop)
{
	char text[NEXTHOP_MAX];
	nexthop = str_head(nexthop, sizeof(text));
	lower(text, nexthop);
	struct str name = str_from(text, nexthop.n);
	const struct entry *e = hash_find(p->entries, name);
	if (!is_plain(name))
		return e == NULL ? NULL : &e->policy;
	while (e == NULL) {
		const char *dot = name.n < 2 ? NULL : memchr(name.p + 1, '.', name.n - 1);
		if (dot == NULL)
			return NULL;
		name = str_skip(name, (size_t)(dot - name.p));
		e = hash_find(p->entries, name);
	}
	return &e->policy;
}

/* Local destinations are never dead as a whole: each mailbox has its own results. */
struct transport_policy policies_transport(const struct conf *conf, enum transport transport)
{
	const unsigned local = conf->queue.local_concurrency;
	switch (transport) {
	case TRANSPORT_LOCAL:
		return (struct transport_policy){
		    .limit = local, .destination = {.window_first = local, .window_max = local}};
	case TRANSPORT_REMOTE:
		return (struct transport_policy){.limit = conf->remote.concurrency,
		    .destination = remote_policy(conf->remote.destination_concurrency,
			conf->queue.retry_first, conf->queue.retry_max)};
	default:
		return (struct transport_policy){.limit = AT_ONCE,
		    .destination = {.window_first = AT_ONCE, .window_max = AT_ONCE}};
	}
}
