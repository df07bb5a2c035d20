/* SPDX-License-Identifier: ISC
 *
 * How a nexthop is reached: questions to directory, and its answers for as long as they hold
 * (until hops_changed, or until directory is a new one). While directory is away questions wait;
 * what has no answer after HOPS_TIMEOUT_MS is answered HOP_TEMPORARY.
 */
#ifndef POSTERN_REMOTE_HOPS_H
#define POSTERN_REMOTE_HOPS_H

#include "common/msg-remote-directory.h"
#include "common/answers.h"
#include "common/nexthop.h"

#include <sys/queue.h>

enum { HOPS_TIMEOUT_MS = 30 * 1000, HOPS_CACHE_MAX = 4096 };

struct session;

/* One answer, counted; never changes. */
struct hop {
	unsigned holders;
	bool stale; /* a newer answer may say otherwise: sessions made under it get no more mail */
	enum hop_verdict verdict;
	struct str nexthop; /* the question */
	struct str text;
	struct nexthop target;
	enum tls_policy tls;
	bool implicit_tls;
	struct str login, password;
	struct str certificate; /* what is shown when it asks; empty: nothing */
	struct hop_name *names;
	size_t name_count;
	struct hop_fingerprint *fingerprints;
	size_t fingerprint_count;
	struct pool *pool;		    /* of all the above */
	TAILQ_HEAD(hop_idle, session) idle; /* idle.c */
};

/* A question; embedded in who asks. All zero: none. */
struct hop_query {
	TAILQ_ENTRY(hop_query) link;
	struct hop_entry *entry; /* NULL: none */
};

/* Called from the event loop after the query was disarmed; `hop` is held for the callee. */
typedef void hop_answer_fn(struct hop_query *query, struct hop *hop);

/* `changed` is called when answers became stale. */
void hops_init(hop_answer_fn *answer, void (*changed)(void));
/* A fresh channel to directory; takes fd. */
void hops_connect(int fd);
/* Not NULL: known already, and held for the caller. Else `answer` follows. */
struct hop *hops_ask(struct hop_query *query, struct str nexthop);
/* The answer is not wanted any more; nothing happens when there was no question. */
void hops_forget(struct hop_query *query);
/* To be called about once a second. */
void hops_tick(uint64_t now_ms);
void hops_free(void);

struct hop *hop_hold(struct hop *hop);
void hop_release(struct hop *hop);

#endif
