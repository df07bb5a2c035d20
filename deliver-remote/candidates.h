/* SPDX-License-Identifier: ISC
 *
 * Which hosts take mail for a domain, in the order in which they are tried (RFC 5321 §5.1,
 * RFC 7505). Pure: a DNS answer and chance come in, a list or the reason why there is none
 * comes out.
 */
#ifndef POSTERN_REMOTE_CANDIDATES_H
#define POSTERN_REMOTE_CANDIDATES_H

#include "common/msg-remote-resolver.h"

enum candidates_verdict {
	CANDIDATES_FOUND = 1,  /* the list is not empty */
	CANDIDATES_FAILED = 2, /* there never will be one: the mail comes back */
	CANDIDATES_DEFERRED = 3,
};

struct candidate {
	uint16_t preference;
	const char *host; /* in the pool */
};

struct candidates {
	enum candidates_verdict verdict;
	bool secure;		/* the list was validated with DNSSEC, or the operator's word */
	bool implicit;		/* no MX records: the domain itself (RFC 5321 §5.1) */
	struct candidate *list; /* in the pool */
	size_t count;
	struct str status; /* enhanced status code, when there is no list */
	struct str text;   /* why there is none; in the pool */
};

/* The names that this server has; one may be empty. */
struct candidates_self {
	struct str hostname, helo;
};

/* `chance` decides between equals. */
void candidates_from_mx(struct candidates *out, struct pool *pool, struct str domain,
    const struct msg_mx_answer *mx, const struct candidates_self *self, uint64_t chance);
/* The one host that the operator named. */
void candidates_from_host(struct candidates *out, struct pool *pool, struct str host);

/* The addresses of the host at `place` show that it is this server: it and all that are not better
 * are dropped (RFC 5321 §5.1). */
void candidates_cut_self(
    struct candidates *c, struct pool *pool, size_t place, struct str domain);

/* A DNS question without an answer that can be used: the status code that fits, and in words
 * ("no MX records of example.org can be had: ..."), in the pool. */
struct str candidates_dns_status(enum dns_state state);
struct str candidates_dns_text(
    struct pool *pool, const char *what, struct str name, enum dns_state state, struct str why);

#endif
