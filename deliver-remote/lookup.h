/* SPDX-License-Identifier: ISC
 *
 * What DNS says of one host: its addresses in the order in which they are tried, and, where DANE
 * may apply, its TLSA records.
 */
#ifndef POSTERN_REMOTE_LOOKUP_H
#define POSTERN_REMOTE_LOOKUP_H

#include "deliver-remote/addresses.h"
#include "deliver-remote/dns-client.h"
#include "deliver-remote/policy.h"
#include "deliver-remote/tls-policy.h"

enum {
	/* How long a family is waited for when the other one's addresses are known: there are name
	 * servers that never answer for AAAA. */
	LOOKUP_OTHER_MS = 1000,
};

enum lookup_verdict {
	LOOKUP_FOUND = 1,
	LOOKUP_NOTHING = 2, /* proven: it has no address that we may use */
	LOOKUP_DEFERRED = 3,
};

/* The answers for one family. */
struct lookup_family {
	struct dns_question *question; /* NULL: not under way */
	enum dns_state state;	       /* 0: not asked */
	bool secure;
	struct ip_address *list; /* in the pool */
	size_t count;
};

/* All zero: idle. */
struct lookup {
	/* Set by the caller. */
	void (*on_done)(struct lookup *l);
	struct dns_client *dns;
	const struct policy *policy;
	enum tls_policy tls;
	enum tls_wish wish;
	bool named, domain_itself; /* tls_facts */
	bool name_secure;
	bool v4_first;
	uint64_t chance;

	const char *host; /* until on_done the caller's */
	uint16_t port;
	struct pool *pool; /* of all answers; emptied by the next question */
	struct lookup_family four, six;
	struct event *patience;
	struct dns_question *tlsa_question;
	const char *canonical; /* of the host, when its CNAMEs are secure; else NULL */

	/* The outcome. */
	enum lookup_verdict verdict;
	struct place places[ADDRESSES_MAX];
	size_t count;
	struct tls_facts facts;
	const char *tlsa_base;	 /* where TLSA records were found */
	struct str status, text; /* why there is nothing */
};

/* `on_done` follows, from the event loop. */
void lookup_start(struct lookup *l, const char *host, uint16_t port);
/* Forgets all, frees what it owns. */
void lookup_stop(struct lookup *l);

#endif
