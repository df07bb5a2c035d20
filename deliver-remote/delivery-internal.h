/* SPDX-License-Identifier: ISC
 *
 * Between delivery.c (a delivery's way), delivery-order.c, delivery-ahead.c (one behind the other),
 * delivery-wish.c (what its sender wants of TLS) and delivery-result.c (its recipients' results).
 */
#ifndef POSTERN_REMOTE_DELIVERY_INTERNAL_H
#define POSTERN_REMOTE_DELIVERY_INTERNAL_H

#include "deliver-remote/delivery.h"
#include "deliver-remote/hops.h"
#include "deliver-remote/route.h"

enum {
	TRANSACTIONS_MAX = RECIPIENTS_PER_PACKET, /* one recipient each is the least */
};

struct outcome {
	struct remote_result result; /* strings in the pool */
	bool settled;
	bool known; /* there is a result, but another host may be asked first */
};

struct delivery {
	TAILQ_ENTRY(delivery) link;
	struct pool *pool;
	struct policy *policy;
	struct remote_delivery to;
	struct content content;
	uint8_t *octets; /* the content in memory */
	struct hop_query query;
	struct hop *hop;
	enum tls_wish wish;
	struct route route;
	struct tries tries;
	bool routed; /* the route has begun */
	bool began_anew;
	struct session *session;
	/* Its mail went ahead on the leader's session, which is `session` of both. */
	struct delivery *leader, *follower;
	bool offered; /* queue knows that its content is sent */

	struct outcome *outcomes;
	struct client_recipient *recipients; /* of the mail under way */
	size_t *numbers;		     /* which target each of them is */
	struct client_mail mail;
	unsigned transactions;
	bool again;    /* some may be sent in a further transaction */
	bool anew;     /* the session was idle for too long: this try does not count */
	bool noted;    /* why others follow */
	bool answered; /* a server answered for recipients */
	bool lost;     /* one did not */
	uint64_t asked_ms, ready_ms;
	enum remote_tls tls;
	char relay[RELAY_MAX + 1];
};

extern const struct delivery_setup *delivery_setup;
/* False: it is larger than a packet. */
bool delivery_copy_order(struct delivery *d, const struct remote_delivery *from);
/* Its mail will go on this session, for those that are not settled. */
void delivery_prepare_mail(struct delivery *d, struct session *s);
/* With its results. */
void delivery_finish(struct delivery *d, enum remote_verdict verdict);
void delivery_free(struct delivery *d);

/* Takes the hop, and with it what its sender's wish comes to. */
void delivery_set_hop(struct delivery *d, struct hop *hop);
/* A notice goes without REQUIRETLS rather than not at all (RFC 8689 §5). True: its route found
 * nobody who has it, and begins anew as that of other mail. */
bool delivery_relax(struct delivery *d);

/* Behind the leader on its session, or back to queue; may be freed. */
void delivery_follow(struct delivery *d, struct delivery *leader);
/* They are no leader and follower any more. */
void delivery_part(struct delivery *leader, struct delivery *follower);
/* It is broken off while it has a session, perhaps. */
void delivery_leave_session(struct delivery *d);
/* To queue, without a result; frees it. */
void delivery_give_back(struct delivery *d);
/* One of struct session_events. */
void delivery_on_given_up(struct session *s, void *owner);

/* A copy in the delivery's pool, cut to `max`; empty when that is full. */
struct str delivery_keep(struct delivery *d, struct str s, size_t max);
/* What is known of it now; it is not settled by that. */
void delivery_set_result(struct delivery *d, size_t target, enum delivery_outcome outcome,
    struct str status, struct str text);
/* All that are not settled, those of which nothing is known with this. */
void delivery_settle_all(
    struct delivery *d, enum delivery_outcome outcome, struct str status, struct str text);
size_t delivery_unsettled(const struct delivery *d);
/* The route is at its end: so are those that are not settled. */
void delivery_take_end(struct delivery *d, const struct route_end *end);
/* One of struct session_events; the owner is the delivery. */
void delivery_on_result(
    struct session *s, void *owner, size_t recipient, const struct client_result *r);

#endif
