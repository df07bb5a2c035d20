/* SPDX-License-Identifier: ISC
 *
 * First both families are asked at once, then, if it may matter, TLSA: of the end of the CNAME
 * chain when all of that is secure, and then of the name itself (RFC 7672 §2.2.2).
 */
#include "deliver-remote/lookup.h"
#include "common/loop.h"
#include "deliver-remote/candidates.h"
#include "deliver-remote/text.h"

enum { LOOKUP_SIZE_MAX = 256 * 1024 };

static bool has_addresses(const struct lookup_family *f)
{
	return f->state == DNS_OK && f->count > 0;
}

static bool is_proven_nothing(const struct lookup_family *f)
{
	return f->state == 0 || f->state == DNS_NO_NAME || f->state == DNS_NO_DATA ||
	       (f->state == DNS_OK && f->count == 0);
}

/* ---- the outcome ------------------------------------------------------------------- */

static void done(struct lookup *l, enum lookup_verdict verdict)
{
	l->verdict = verdict;
	l->on_done(l);
}

/* No address: for good when that is proven for every family that we use. */
static void nothing(struct lookup *l)
{
	bool proven = is_proven_nothing(&l->four) && is_proven_nothing(&l->six);
	const struct lookup_family *f = is_proven_nothing(&l->six) ? &l->four : &l->six;
	enum dns_state state = f->state == 0 || f->state == DNS_OK ? DNS_NO_DATA : f->state;
	if (proven && l->six.state == DNS_NO_NAME)
		state = DNS_NO_NAME;
	l->status = candidates_dns_status(state);
	l->text = candidates_dns_text(l->pool, state == DNS_NO_DATA ? "address" : "addresses",
	    str_from_cstr(l->host), state, l->text);
	done(l, proven ? LOOKUP_NOTHING : LOOKUP_DEFERRED);
}

static void found(struct lookup *l)
{
	l->count = addresses_order(l->places, l->six.list, l->six.count, l->four.list,
	    l->four.count, l->port, l->v4_first, l->chance);
	done(l, l->count > 0 ? LOOKUP_FOUND : LOOKUP_NOTHING);
}

/* ---- TLSA ------------------------------------------------------------------------------ */

static void ask_tlsa(struct lookup *l, const char *base);

static bool copy_records(struct lookup *l, const struct msg_tlsa_answer *m)
{
	bool ok = true;
	struct tlsa *list = pool_array(l->pool, m->records_count + 1, sizeof(*list));
	for (size_t i = 0; list != NULL && i < m->records_count; i++) {
		list[i] = m->records[i];
		ok = ok && pool_copy(l->pool, m->records[i].data, &list[i].data);
	}
	l->facts.records = list;
	l->facts.record_count = m->records_count;
	return ok && list != NULL;
}

static void on_tlsa(void *ctx, const struct msg_tlsa_answer *m)
{
	struct lookup *l = ctx;
	bool none = m->state == DNS_NO_NAME || m->state == DNS_NO_DATA ||
		    (m->state == DNS_OK && (m->records_count == 0 || !m->secure));
	l->tlsa_question = NULL;
	if (none && l->tlsa_base != l->host) {
		ask_tlsa(l, l->host);
		return;
	}
	l->facts.tlsa_state = (enum dns_state)m->state;
	l->facts.tlsa_secure = m->secure != 0;
	if (m->state == DNS_OK && !copy_records(l, m))
		l->facts.tlsa_state = DNS_TEMPORARY;
	found(l);
}

static void ask_tlsa(struct lookup *l, const char *base)
{
	l->tlsa_base = base;
	l->tlsa_question = dns_client_ask_tlsa(l->dns, l->port, str_from_cstr(base), on_tlsa, l);
}

/* ---- addresses -------------------------------------------------------------------------- */

static void forget_addresses(struct lookup *l)
{
	dns_client_forget(l->four.question);
	dns_client_forget(l->six.question);
	l->four.question = l->six.question = NULL;
}

static void on_both(struct lookup *l)
{
	loop_timer_stop(l->patience);
	if (!has_addresses(&l->four) && !has_addresses(&l->six)) {
		nothing(l);
		return;
	}
	l->facts.address_secure = (!has_addresses(&l->four) || l->four.secure) &&
				  (!has_addresses(&l->six) || l->six.secure);
	if (tls_policy_wants_tlsa(&l->facts))
		ask_tlsa(l, l->canonical != NULL ? l->canonical : l->host);
	else
		found(l);
}

static void take_addresses(struct lookup *l, struct lookup_family *f, const struct msg_ip_answer *m)
{
	f->question = NULL;
	f->state = (enum dns_state)m->state;
	f->secure = m->secure != 0;
	f->list = pool_array(l->pool, m->addresses_count + 1, sizeof(*f->list));
	for (size_t i = 0; f->list != NULL && i < m->addresses_count; i++)
		if (pool_copy(l->pool, m->addresses[i].octets, &f->list[f->count].octets))
			f->count++;
	if (m->why.n > 0 && f->state != DNS_OK)
		l->text = text_in_pool(l->pool, "%.*s", STR_ARG(m->why));
	if (f->state == DNS_OK && f->secure && m->canonical.n > 0 &&
	    !str_caseeq(m->canonical, str_from_cstr(l->host)))
		l->canonical = pool_cstr(l->pool, m->canonical);
	if (l->four.question == NULL && l->six.question == NULL)
		on_both(l);
	else if (has_addresses(f))
		loop_timer_start(l->patience, LOOKUP_OTHER_MS);
}

static void on_patience(void *ctx)
{
	struct lookup *l = ctx;
	forget_addresses(l);
	on_both(l);
}

static void on_four(void *ctx, const struct msg_ip_answer *m)
{
	struct lookup *l = ctx;
	take_addresses(l, &l->four, m);
}

static void on_six(void *ctx, const struct msg_ip_answer *m)
{
	struct lookup *l = ctx;
	take_addresses(l, &l->six, m);
}

void lookup_start(struct lookup *l, const char *host, uint16_t port)
{
	struct str name = str_from_cstr(host);
	if (l->pool == NULL) {
		l->pool = pool_new(LOOKUP_SIZE_MAX);
		l->patience = loop_timer(on_patience, l);
	}
	pool_reset(l->pool);
	l->host = host;
	l->port = port;
	l->four = l->six = (struct lookup_family){0};
	l->facts = (struct tls_facts){.policy = l->tls,
	    .wish = l->wish,
	    .named = l->named,
	    .domain_itself = l->domain_itself,
	    .name_secure = l->name_secure};
	l->canonical = l->tlsa_base = NULL;
	l->count = 0;
	l->status = l->text = STR("");
	if (l->policy->ipv6)
		l->six.question = dns_client_ask_ip(l->dns, 6, name, on_six, l);
	if (l->policy->ipv4 || !l->policy->ipv6)
		l->four.question = dns_client_ask_ip(l->dns, 4, name, on_four, l);
}

void lookup_stop(struct lookup *l)
{
	forget_addresses(l);
	dns_client_forget(l->tlsa_question);
	l->tlsa_question = NULL;
	if (l->patience != NULL)
		event_free(l->patience);
	l->patience = NULL;
	pool_free(l->pool);
	l->pool = NULL;
}
