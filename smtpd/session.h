/* SPDX-License-Identifier: ISC
 *
 * One client: its socket, its deadlines and what it waits for, around the SMTP
 * server core. An idle session owns no buffer: input is read into one shared
 * piece of memory, replies are written at once, and only what is left over of
 * either is kept.
 */
#ifndef POSTERN_SMTPD_SESSION_H
#define POSTERN_SMTPD_SESSION_H

#include "common/admission.h"
#include "common/tls-stream.h"
#include "smtpd/auth-client.h"
#include "smtpd/deadline.h"
#include "smtpd/directory-client.h"
#include "smtpd/policy.h"
#include "smtpd/queue-client.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>

enum {
	/* What a client may still send when we have ended the session, so that it gets our last
	 * reply: a reset would destroy it. */
	LINGER_MS = 2 * 1000,
	LINGER_OCTETS = 1024 * 1024,
	/* The least rate of content is not asked for in its first minute, or shorter data-timeout.
	 */
	RATE_GRACE_MS = 60 * 1000,
	/* A whole TLS handshake. */
	HANDSHAKE_MS = 60 * 1000,
};

/* By which listener a client has come. */
struct session_way {
	enum conf_protocol protocol;
	enum conf_tls tls;
	enum conf_auth auth;
	struct tls_service *service; /* NULL: no TLS */
	uint32_t uid;		     /* of a local program */
};

union client_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Where in crowd.h's lists a session is. */
enum session_place { PLACE_NOWHERE, PLACE_IDLE, PLACE_TRANSACTION };

struct session {
	struct smtp_server smtp;
	struct policy *policy;
	int fd;
	bool running;  /* the core is at work: answers that come now are not the last thing to do */
	bool watching; /* for input */
	bool blocked;  /* by `unsent` */
	bool broken;   /* the connection is gone */
	bool lingering; /* nothing is answered any more */
	bool dropped;	/* closed with its last words */
	bool local;	/* by the Unix socket */
	struct session_way way;
	struct tls_stream *tls;	 /* NULL: in clear */
	struct tls_facts *facts; /* of `tls`, on the heap */
	uint64_t handshake_ms;	 /* since when; 0: none is under way */
	enum session_place place;
	struct event readable;
	struct event writable;
	struct buf kept;   /* input that was not consumed */
	struct buf unsent; /* replies */
	struct deadline deadline;
	uint64_t started_ms;
	uint64_t
	    waiting_ms;	   /* since when we wait for the next command, or for the client to read */
	uint64_t octet_ms; /* when the last content came */
	uint64_t content_ms; /* when the first did; 0: none */
	uint64_t lingered;   /* octets */
	struct directory_query query;
	struct auth_query auth;
	struct submission submission;
	TAILQ_ENTRY(session) all;
	TAILQ_ENTRY(session) turn;
	union client_address address;
	char client[CLIENT_ADDRESS_MAX + 1];
	char id[SESSION_ID_MAX + 1];
};

/* For the whole worker. */
void session_setup(void);
/* For session ids. */
void session_set_worker(unsigned worker);
/* A client that was let in (crowd_admit); takes fd. `address` is NULL for a local program, which is
 * known by its uid. */
void session_start(int fd, const union client_address *address, const struct session_way *way,
    bool own_network, struct policy *policy);
/* Tells the client why and ends it: what it says meanwhile is read for a while, so that it can
 * read the reason. */
void session_end(struct session *s, enum smtp_status status);
/* The same at once, for its descriptor or because we go. */
void session_drop(struct session *s, enum smtp_status status);
/* To be called about once a second. */
void session_tick(uint64_t now_ms);

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3), "local uid 1000". */
void session_client_format(
    const union client_address *address, uint32_t uid, char out[CLIENT_ADDRESS_MAX + 1]);

#endif
