/* SPDX-License-Identifier: ISC
 *
 * Never: take a question without an answer for the answer "there are none". That would let
 * whoever can make DNS fail take TLS away (RFC 7672 §2.1.2).
 */
#include "deliver-remote/tls-policy.h"
#include "common/envelope.h"

enum tls_wish tls_wish_of(unsigned flags, enum tls_policy policy)
{
	if (flags & ENVELOPE_REQUIRETLS)
		return TLS_WISH_REQUIRED;
	bool lifts = (flags & ENVELOPE_TLS_OPTIONAL) && policy == TLS_DANE;
	return lifts ? TLS_WISH_OPTIONAL : TLS_WISH_NONE;
}

bool tlsa_is_usable(const struct tlsa *r)
{
	if (r->usage != 2 && r->usage != 3)
		return false;
	if (r->selector > 1)
		return false;
	switch (r->matching) {
	case 0:
		return r->data.n > 0;
	case 1:
		return r->data.n == 32; /* SHA-256 */
	case 2:
		return r->data.n == 64; /* SHA-512 */
	default:
		return false;
	}
}

/* Who requires TLS is content with DANE also where the operator does not ask for it. */
bool tls_policy_wants_tlsa(const struct tls_facts *f)
{
	bool dane =
	    f->policy == TLS_DANE_ONLY || (f->policy == TLS_DANE && f->wish != TLS_WISH_OPTIONAL);
	bool any = f->policy == TLS_MAY || f->policy == TLS_ENCRYPT;
	return (dane || (any && f->wish == TLS_WISH_REQUIRED)) && f->name_secure &&
	       f->address_secure;
}

static bool any_usable(const struct tls_facts *f)
{
	for (size_t i = 0; i < f->record_count; i++)
		if (tlsa_is_usable(&f->records[i]))
			return true;
	return false;
}

static struct tls_decision demand(enum tls_demand what)
{
	return (struct tls_decision){.demand = what};
}

static struct tls_decision unmet(const char *why)
{
	return (struct tls_decision){.demand = TLS_DEMAND_UNMET, .why = why, .lasting = true};
}

static struct tls_decision unmet_now(const char *why)
{
	return (struct tls_decision){.demand = TLS_DEMAND_UNMET, .why = why};
}

/* RFC 7672 §2.2: which records there are decides. */
static struct tls_decision decide_dane(const struct tls_facts *f)
{
	bool only = f->policy == TLS_DANE_ONLY;
	if (!tls_policy_wants_tlsa(f))
		return only ? unmet("DANE is demanded, but DNS is not secured by DNSSEC here")
			    : demand(TLS_DEMAND_MAY);
	if (f->tlsa_state == DNS_BOGUS)
		return unmet_now("its TLSA records cannot be trusted");
	if (f->tlsa_state != DNS_OK && f->tlsa_state != DNS_NO_NAME && f->tlsa_state != DNS_NO_DATA)
		return unmet_now("DNS did not give its TLSA records");
	if (f->tlsa_state != DNS_OK || !f->tlsa_secure || f->record_count == 0)
		return only ? unmet("DANE is demanded, but it has no TLSA records")
			    : demand(TLS_DEMAND_MAY);
	if (any_usable(f))
		return demand(TLS_DEMAND_DANE);
	return only ? unmet("DANE is demanded, but none of its TLSA records can be used")
		    : demand(TLS_DEMAND_ENCRYPT);
}

/* RFC 8689 §4.2.1: a name from a validated list, the domain's own, or the operator's word on whom
 * to expect, and a certificate that proves it. */
static struct tls_decision decide_required(const struct tls_facts *f)
{
	if (f->policy == TLS_NONE)
		return unmet("the sender requires TLS, which the operator does not want there");
	if (f->policy == TLS_FINGERPRINT)
		return demand(TLS_DEMAND_FINGERPRINT);
	if (f->policy == TLS_VERIFY && f->named)
		return demand(TLS_DEMAND_VERIFY);
	if (!f->name_secure && !f->domain_itself)
		return unmet("the sender requires TLS with a server that is known, but its name is "
			     "not secured by DNSSEC");
	if (f->policy == TLS_VERIFY)
		return demand(TLS_DEMAND_VERIFY);
	struct tls_decision d = decide_dane(f);
	return d.demand == TLS_DEMAND_MAY || d.demand == TLS_DEMAND_ENCRYPT
		   ? demand(TLS_DEMAND_VERIFY)
		   : d;
}

struct tls_decision tls_policy_decide(const struct tls_facts *f)
{
	if (f->wish == TLS_WISH_REQUIRED)
		return decide_required(f);
	switch (f->policy) {
	case TLS_NONE:
		return demand(TLS_DEMAND_CLEAR);
	case TLS_MAY:
		return demand(TLS_DEMAND_MAY);
	case TLS_ENCRYPT:
		return demand(TLS_DEMAND_ENCRYPT);
	case TLS_VERIFY:
		return demand(TLS_DEMAND_VERIFY);
	case TLS_FINGERPRINT:
		return demand(TLS_DEMAND_FINGERPRINT);
	case TLS_DANE:
	case TLS_DANE_ONLY:
		return decide_dane(f);
	}
	return unmet("the TLS policy is not known");
}
