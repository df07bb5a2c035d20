/* SPDX-License-Identifier: ISC
 *
 * What must hold of TLS with one host, from the operator's policy and what DNS can prove
 * (RFC 7672). Pure.
 */
#ifndef POSTERN_REMOTE_TLS_POLICY_H
#define POSTERN_REMOTE_TLS_POLICY_H

#include "common/msg-remote-resolver.h"

/* What the sender of a mail wishes (RFC 8689). In this order: a session that was made for one is
 * good for those before it. */
enum tls_wish {
	TLS_WISH_OPTIONAL = -1, /* of TLS_DANE: as if the domain asked for nothing */
	TLS_WISH_NONE = 0,	/* what operator and domain ask for */
	TLS_WISH_REQUIRED = 1,	/* nobody but a server that is known for sure */
};

enum tls_demand {
	TLS_DEMAND_CLEAR,   /* no TLS */
	TLS_DEMAND_MAY,	    /* any, or none */
	TLS_DEMAND_ENCRYPT, /* any */
	TLS_DEMAND_DANE,    /* that matches the TLSA records */
	TLS_DEMAND_VERIFY,
	TLS_DEMAND_FINGERPRINT,
	TLS_DEMAND_UNMET, /* this host cannot be used now, see `why` */
};

struct tls_facts {
	enum tls_policy policy;
	enum tls_wish wish;
	bool named;	     /* the operator says which names its certificate may have */
	bool domain_itself;  /* the host's name is that of the recipients' domain: no MX records */
	bool name_secure;    /* the host's name is from a validated list, or the operator's */
	bool address_secure; /* and so are its addresses */
	/* The answer for TLSA; 0: not asked. */
	enum dns_state tlsa_state;
	bool tlsa_secure;
	const struct tlsa *records;
	size_t record_count;
};

struct tls_decision {
	enum tls_demand demand;
	const char *why; /* TLS_DEMAND_UNMET */
	bool lasting;	 /* the same: and not for a fault of DNS that will pass */
};

/* `flags`: enum envelope_flags. A sender lifts what the recipients' domain asks for, never what the
 * operator does: whoever writes mail may not send in clear what the operator keeps encrypted. */
enum tls_wish tls_wish_of(unsigned flags, enum tls_policy policy);

/* TLSA records may say something: worth a question. */
bool tls_policy_wants_tlsa(const struct tls_facts *facts);
struct tls_decision tls_policy_decide(const struct tls_facts *facts);
/* DANE-TA(2) or DANE-EE(3) with a selector and a matching type that are known, and data that can be
 * right (RFC 7672 §3.1; PKIX-TA and PKIX-EE are unusable for SMTP). */
bool tlsa_is_usable(const struct tlsa *record);

#endif
