/* SPDX-License-Identifier: ISC
 *
 * What must hold of TLS with one host of a route, from what was looked up.
 */
#include "deliver-remote/route-internal.h"

void route_expect_tls(struct route *r, const struct lookup *l, enum tls_demand demand)
{
	r->demand = demand;
	r->in_clear = false;
	r->expect = (struct tls_expect){
	    .dane_only = r->hop->tls == TLS_DANE_ONLY || r->wish == TLS_WISH_REQUIRED,
	    .host = r->host,
	    .names = r->hop->names,
	    .name_count = r->hop->name_count,
	    .fingerprints = r->hop->fingerprints,
	    .fingerprint_count = r->hop->fingerprint_count,
	    .certificate = r->hop->certificate,
	    .nexthop = r->hop->target.kind == NEXTHOP_DOMAIN && r->candidates.secure &&
			       !r->candidates.implicit
			   ? r->nexthop
			   : NULL,
	};
	if (l == NULL)
		return;
	r->expect.tlsa_base = l->tlsa_base;
	r->expect.records = l->facts.records;
	r->expect.record_count = l->facts.record_count;
}

bool route_decide_tls(struct route *r, const struct lookup *l)
{
	const struct tls_facts bare = {
	    .policy = r->hop->tls,
	    .wish = r->wish,
	    .named = r->hop->name_count > 0,
	    .name_secure = true, /* an address, which the operator named */
	};
	struct tls_decision decision = tls_policy_decide(l != NULL ? &l->facts : &bare);
	if (decision.demand != TLS_DEMAND_UNMET) {
		route_expect_tls(r, l, decision.demand);
		return true;
	}
	struct text text;
	text_clear(&text);
	struct str host = r->host != NULL ? str_from_cstr(r->host) : r->hop->nexthop;
	text_printf(&text, "%.*s: %s", STR_ARG(host), decision.why);
	if (r->wish == TLS_WISH_REQUIRED && decision.lasting)
		route_note_unmet(r, text_str(&text));
	else
		route_note_host(r, LINK_TLS_POLICY, fault_status(LINK_TLS_POLICY), text_str(&text));
	return false;
}
