/* SPDX-License-Identifier: ISC
 *
 * Only what is proven is final: a name that is not there, a null MX, a list that leads back
 * here. Whatever DNS could not say is for later.
 */
#include "deliver-remote/candidates.h"
#include "common/dns-name.h"
#include "deliver-remote/text.h"

#include <stdlib.h>

static void none(struct candidates *c, enum candidates_verdict verdict, struct str status,
    struct str text)
{
	c->verdict = verdict;
	c->count = 0;
	c->status = status;
	c->text = text;
}

static void no_room(struct candidates *c)
{
	none(c, CANDIDATES_DEFERRED, STR("4.3.0"), STR("out of memory for this delivery"));
}

/* ---- what DNS says in words ---------------------------------------------- */

struct str candidates_dns_status(enum dns_state state)
{
	switch (state) {
	case DNS_NO_NAME:
		return STR("5.1.2");
	case DNS_NO_DATA:
		return STR("5.4.4");
	case DNS_BOGUS:
		return STR("4.7.5");
	case DNS_OK:
	case DNS_TEMPORARY:
		break;
	}
	return STR("4.4.3");
}

struct str candidates_dns_text(
    struct pool *pool, const char *what, struct str name, enum dns_state state, struct str why)
{
	struct text t;
	struct str out;
	text_clear(&t);
	if (state == DNS_NO_NAME)
		text_printf(&t, "%.*s: no such domain", STR_ARG(name));
	else if (state == DNS_NO_DATA)
		text_printf(&t, "%.*s has no %s", STR_ARG(name), what);
	else if (state == DNS_BOGUS)
		text_printf(&t, "DNS cannot be trusted for the %s of %.*s", what, STR_ARG(name));
	else
		text_printf(&t, "DNS did not give the %s of %.*s", what, STR_ARG(name));
	if (why.n > 0 && state != DNS_NO_NAME && state != DNS_NO_DATA) {
		text_add(&t, STR(": "));
		text_add(&t, why);
	}
	return pool_copy(pool, text_str(&t), &out) ? out : STR("DNS");
}

/* ---- order ---------------------------------------------------------------- */

struct ranked {
	struct candidate candidate;
	uint64_t lot;
};

/* splitmix64: the lots of a list need no secrecy, only not to be the same ones for all. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15U);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static int compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->candidate.preference != y->candidate.preference)
		return x->candidate.preference < y->candidate.preference ? -1 : 1;
	return x->lot < y->lot ? -1 : x->lot > y->lot;
}

static bool is_self(struct str host, const struct candidates_self *self)
{
	return str_caseeq(host, self->hostname) || (self->helo.n > 0 && str_caseeq(host, self->helo));
}

/* The preference from which on nobody is tried: our own. */
static uint32_t limit_of(const struct msg_mx_answer *mx, const struct candidates_self *self)
{
	uint32_t limit = UINT16_MAX + 1;
	for (size_t i = 0; i < mx->hosts_count; i++)
		if (mx->hosts[i].preference < limit && is_self(mx->hosts[i].host, self))
			limit = mx->hosts[i].preference;
	return limit;
}

/* A domain that says that it takes no mail has that one record; beside others it means nothing. */
static bool is_null_mx(const struct msg_mx_answer *mx)
{
	return mx->hosts_count == 1 && mx->hosts[0].host.n == 0;
}

static void set_loop(struct candidates *c, struct pool *pool, struct str domain)
{
	none(c, CANDIDATES_FAILED, STR("5.4.6"),
	    text_in_pool(pool, "mail for %.*s loops back to this server", STR_ARG(domain)));
}

static bool is_usable(struct str host)
{
	return dns_name_is_host(host) && !dns_name_is_numeric(host);
}

/* Those that come before us, in their order; returns how many. */
static size_t rank(struct ranked *out, const struct msg_mx_answer *mx, uint32_t limit,
    uint64_t chance, struct pool *pool)
{
	size_t count = 0;
	for (size_t i = 0; i < mx->hosts_count && i < MX_HOSTS_MAX; i++) {
		const struct mx_host *h = &mx->hosts[i];
		uint64_t lot = draw(&chance);
		if (!is_usable(h->host) || h->preference >= limit)
			continue;
		out[count].candidate.preference = h->preference;
		out[count].candidate.host = pool_cstr(pool, h->host);
		out[count++].lot = lot;
	}
	qsort(out, count, sizeof(out[0]), compare);
	return count;
}

static void take_list(struct candidates *out, struct pool *pool, struct str domain,
    const struct msg_mx_answer *mx, const struct candidates_self *self, uint64_t chance)
{
	struct ranked ranked[MX_HOSTS_MAX];
	uint32_t limit = limit_of(mx, self);
	size_t count = rank(ranked, mx, limit, chance, pool);
	if (count == 0 && limit <= UINT16_MAX) {
		set_loop(out, pool, domain);
		return;
	}
	if (count == 0) {
		none(out, CANDIDATES_FAILED, STR("5.4.4"),
		    text_in_pool(pool, "the MX records of %.*s name no host", STR_ARG(domain)));
		return;
	}
	out->verdict = CANDIDATES_FOUND;
	out->list = pool_array(pool, count, sizeof(*out->list));
	for (size_t i = 0; i < count; i++) {
		if (out->list == NULL || ranked[i].candidate.host == NULL) {
			no_room(out);
			return;
		}
		out->list[out->count++] = ranked[i].candidate;
	}
}

/* ---- the answers ---------------------------------------------------------- */

void candidates_from_host(struct candidates *out, struct pool *pool, struct str host)
{
	memset(out, 0, sizeof(*out));
	out->secure = true;
	out->list = pool_array(pool, 1, sizeof(*out->list));
	const char *name = pool_cstr(pool, host);
	if (out->list == NULL || name == NULL) {
		no_room(out);
		return;
	}
	out->list[0].host = name;
	out->count = 1;
	out->verdict = CANDIDATES_FOUND;
}

static void take_domain(struct candidates *out, struct pool *pool, struct str domain, bool secure,
    const struct candidates_self *self)
{
	candidates_from_host(out, pool, domain);
	out->secure = secure;
	out->implicit = true;
	if (is_self(domain, self))
		set_loop(out, pool, domain);
}

void candidates_from_mx(struct candidates *out, struct pool *pool, struct str domain,
    const struct msg_mx_answer *mx, const struct candidates_self *self, uint64_t chance)
{
	memset(out, 0, sizeof(*out));
	out->secure = mx->secure != 0;
	enum dns_state state = (enum dns_state)mx->state;
	if (state == DNS_NO_DATA)
		take_domain(out, pool, domain, mx->secure != 0, self);
	else if (state == DNS_NO_NAME)
		none(out, CANDIDATES_FAILED, candidates_dns_status(state),
		    candidates_dns_text(pool, "MX records", domain, state, mx->why));
	else if (state != DNS_OK)
		none(out, CANDIDATES_DEFERRED, candidates_dns_status(state),
		    candidates_dns_text(pool, "MX records", domain, state, mx->why));
	else if (is_null_mx(mx))
		none(out, CANDIDATES_FAILED, STR("5.1.10"),
		    text_in_pool(pool, "556 %.*s does not accept mail (null MX)", STR_ARG(domain)));
	else
		take_list(out, pool, domain, mx, self, chance);
}

void candidates_cut_self(struct candidates *c, struct pool *pool, size_t place, struct str domain)
{
	if (place >= c->count)
		return;
	uint16_t limit = c->list[place].preference;
	while (c->count > 0 && c->list[c->count - 1].preference >= limit)
		c->count--;
	if (c->count == 0)
		set_loop(c, pool, domain);
}
