/* SPDX-License-Identifier: ISC
 *
 * Never: take a question without an answer for the answer "there are none". That would let
 * whoever can make DNS fail take TLS away (RFC 7672 §2.1.2).
 */
#include "deliver-remote/tls-policy.h"

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

bool tls_policy_wants_tlsa(const struct tls_facts *f)
{
	bool dane = f->policy == TLS_DANE || f->policy == TLS_DANE_ONLY;
	return dane && f->name_secure && f->address_secure;
}

static bool any_usable(const struct tls_facts *f)
{
	for (size_t i = 0; i < f->record_count; i++)
		if (tlsa_is_usable(&f->records[i]))
			return true;
	return false;
}

static struct tls_decision unmet(const char *why)
{
	return (struct tls_decision){TLS_DEMAND_UNMET, why};
}

/* RFC 7672 §2.2: which records there are decides. */
static struct tls_decision decide_dane(const struct tls_facts *f)
{
	bool only = f->policy == TLS_DANE_ONLY;
	if (!tls_policy_wants_tlsa(f))
		return only ? unmet("DANE is demanded, but DNS is not secured by DNSSEC here")
			    : (struct tls_decision){TLS_DEMAND_MAY, NULL};
	if (f->tlsa_state == DNS_BOGUS)
		return unmet("its TLSA records cannot be trusted");
	if (f->tlsa_state != DNS_OK && f->tlsa_state != DNS_NO_NAME && f->tlsa_state != DNS_NO_DATA)
		return unmet("DNS did not give its TLSA records");
	if (f->tlsa_state != DNS_OK || !f->tlsa_secure || f->record_count == 0)
		return only ? unmet("DANE is demanded, but it has no TLSA records")
			    : (struct tls_decision){TLS_DEMAND_MAY, NULL};
	if (any_usable(f))
		return (struct tls_decision){TLS_DEMAND_DANE, NULL};
	return only ? unmet("DANE is demanded, but none of its TLSA records can be used")
		    : (struct tls_decision){TLS_DEMAND_ENCRYPT, NULL};
}

struct tls_decision tls_policy_decide(const struct tls_facts *f)
{
	switch (f->policy) {
	case TLS_NONE:
		return (struct tls_decision){TLS_DEMAND_CLEAR, NULL};
	case TLS_MAY:
		return (struct tls_decision){TLS_DEMAND_MAY, NULL};
	case TLS_ENCRYPT:
		return (struct tls_decision){TLS_DEMAND_ENCRYPT, NULL};
	case TLS_VERIFY:
		return (struct tls_decision){TLS_DEMAND_VERIFY, NULL};
	case TLS_FINGERPRINT:
		return (struct tls_decision){TLS_DEMAND_FINGERPRINT, NULL};
	case TLS_DANE:
	case TLS_DANE_ONLY:
		return decide_dane(f);
	}
	return unmet("the TLS policy is not known");
}
