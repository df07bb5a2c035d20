/* SPDX-License-Identifier: ISC
 *
 * The way from a nexthop to a session that can take mail: its hosts one after another, their
 * addresses, TLS as demanded, and what is told of those that could not be used.
 */
#ifndef POSTERN_REMOTE_ROUTE_H
#define POSTERN_REMOTE_ROUTE_H

#include "common/msg-queue-remote.h"
#include "deliver-remote/candidates.h"
#include "deliver-remote/dial.h"
#include "deliver-remote/lmtp.h"
#include "deliver-remote/lookup.h"
#include "deliver-remote/session.h"

enum {
	ROUTE_HOSTS_MAX = 5,	/* that are looked up */
	ROUTE_PLACES_MAX = 12,	/* that are connected to */
	ROUTE_SESSIONS_MAX = 4, /* that got as far as a connection */
	ROUTE_SIZE_MAX = 64 * 1024,
};

struct route;

/* Hosts that were in vain, in order; those beyond TRIED_MAX are only in the log. */
struct tries {
	struct pool *pool; /* for their strings */
	struct remote_tried list[TRIED_MAX];
	size_t count;
};

struct route_events {
	/* A session is ready: the callee becomes its owner. It may go on with route_next. */
	void (*on_session)(struct route *r, struct session *s);
	/* There is nobody (else): `end` says why. */
	void (*on_end)(struct route *r);
};

/* Why there is no session. */
struct route_end {
	enum delivery_outcome outcome; /* DELIVERY_DEFERRED, DELIVERY_FAILED */
	enum remote_verdict verdict;
	char status[ENHANCED_CODE_MAX + 1];
	char mta[DOMAIN_MAX + 1]; /* the last one that said something; may be empty */
	struct text reply;	  /* and what */
	struct text text;
	size_t tried; /* before that */
};

struct route {
	const struct route_events *events;
	struct hop *hop;
	enum tls_wish wish;
	struct policy *policy;
	struct dns_client *dns;
	struct pool *pool; /* candidates */
	struct dns_question *mx_question;
	struct lmtp_request *socket_request;
	struct candidates candidates;
	size_t next; /* candidate */
	unsigned hosts, places, sessions;
	struct lookup lookup;
	struct dial dial;
	struct session *session; /* being set up */
	const char *host;	 /* being tried; NULL: an address or a socket */
	struct place place;	 /* of the session */
	enum tls_demand demand;	 /* of this host */
	struct tls_expect expect;
	bool in_clear; /* TLS failed at this place, and need not be */
	bool self;     /* an address of this host is ours */
	bool skip;     /* this host's other addresses are no use, either */
	char nexthop[DOMAIN_MAX + 1];

	/* What went wrong. */
	enum link_fault fault;
	bool destination_at_fault;
	bool passing; /* at least one of the hosts may do later */
	/* Why hosts cannot give what TLS_WISH_REQUIRED wants, a status; empty: there was none. */
	char unable[ENHANCED_CODE_MAX + 1];
	struct tries *tries;
	struct text last, last_host, last_said;
	struct route_end end;
};

/* `hop` has the verdict HOP_OK. Adds to the tries, which are its owner's. */
void route_start(struct route *r, const struct route_events *events, struct hop *hop,
    enum tls_wish wish, struct policy *policy, struct dns_client *dns, struct tries *tries);
/* The session that it gave could not take (all of) the mail: the next host. */
void route_next(struct route *r);
/* Ends it; nothing is called any more. Nothing happens when it never began. */
void route_stop(struct route *r);
/* Notes why a session that it gave could not take all of the mail, for the texts. */
void route_note(struct route *r, const struct session *s, struct str what);
/* The same of a server that cannot carry it as TLS_WISH_REQUIRED wants, whenever it is asked. */
void route_note_unable(
    struct route *r, const struct session *s, struct str status, struct str what);

#endif
