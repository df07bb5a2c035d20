/* SPDX-License-Identifier: ISC
 *
 * What directory says in one pass of queue/reroute.h: for a domain of another's where
 * its mail goes, and where a domain is ours, what became of each address. Asks that
 * are under way when a pass ends are forgotten.
 */
#ifndef POSTERN_QUEUE_ROUTING_H
#define POSTERN_QUEUE_ROUTING_H

#include "queue/router.h"

enum routed_kind {
	ROUTED_NOT, /* no answer that anything follows from: it stays on its way */
	ROUTED_TO,
	ROUTED_REFUSED,
	ROUTED_NO_MAILBOX,
};

/* A domain, or an address. */
struct routed {
	enum routed_kind kind;
	bool ours;	/* of a domain: its addresses have answers of their own */
	bool elsewhere; /* of such a one: mail for it is passed on to another server */
	uint8_t transport;
	struct str address; /* the one that it stands for now; empty for a domain */
	struct str nexthop, text;
	uint64_t since_ms; /* the first of the passes, one behind another, that found no mailbox */
	size_t n;
	char key[];
};

struct routed_set {
	struct hash *by_key;
	struct routed **list; /* by number: the tags of asks */
	size_t count, cap;
};

struct routing {
	struct router *router;
	struct routed_set now, before; /* this pass, and the one before it */
	size_t pending;
	uint32_t pass; /* answers to earlier ones are too late */
	bool again;    /* something could not be said now */
	bool doubt;    /* a mailbox is missing, but not for `grace_ms` yet */
	bool any_ours;
	uint64_t grace_ms;
	void (*on_answer)(void *ctx);
	void *ctx;
};

void routing_begin(struct routing *g);
/* Forgets what the next pass needs not know. */
void routing_end(struct routing *g);
void routing_reset(struct routing *g);

/* Asks unless it was asked in this pass. */
void routing_ask_domain(struct routing *g, struct str address);
void routing_ask_address(struct routing *g, struct str address);
/* NULL when it was not asked. */
const struct routed *routing_domain(const struct routing *g, struct str address);
const struct routed *routing_address(const struct routing *g, struct str address);

#endif
