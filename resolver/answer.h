/* SPDX-License-Identifier: ISC
 *
 * What a whole answer comes to: one state, and the records of the type that was asked for, typed
 * and checked. A pure function of the packet that libunbound hands over, which is parsed from
 * its first octet to its last and believed in nothing but its security status.
 */
#ifndef POSTERN_RESOLVER_ANSWER_H
#define POSTERN_RESOLVER_ANSWER_H

#include "common/answers.h"
#include "common/msg-remote-resolver.h"
#include "common/pool.h"
#include "resolver/question.h"

enum {
	ANSWER_TTL_MAX = 24 * 3600,
	ANSWER_NEGATIVE_TTL_MAX = 3600,
	ANSWER_NEGATIVE_TTL = 60, /* without a word of the zone */
	ANSWER_CHAIN_MAX = 16,	  /* CNAME records in a row */
	ANSWER_POOL_MAX = 2 * 1024 * 1024,
};

/* What libunbound found out (unbound-event.h). */
enum answer_security { ANSWER_INSECURE = 0, ANSWER_BOGUS = 1, ANSWER_SECURE = 2 };

struct answer_input {
	unsigned rcode; /* libunbound's own; with any but 0 there is no packet */
	struct str packet;
	enum answer_security security;
	const char *why_bogus; /* or NULL */
};

struct answer {
	enum dns_state state;
	bool secure;
	uint32_t ttl;
	struct str why;
	struct str canonical;
	/* Of the type that was asked for; none unless the state is DNS_OK. */
	size_t count;
	union {
		struct mx_host *hosts; /* by preference, the lowest first */
		struct ip_address *addresses;
		struct tlsa *tlsa;
		struct txt *texts;
		struct host_name *names;
	};
};

/* What it gives lives as long as the pool (of ANSWER_POOL_MAX), the packet and `question`. */
void answer_parse(const struct question *question, const struct answer_input *in, struct pool *pool,
    struct answer *out);
/* One that is made here: no records. */
struct answer answer_temporary(const struct question *question, struct str why);

#endif
