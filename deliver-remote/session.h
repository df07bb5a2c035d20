/* SPDX-License-Identifier: ISC
 *
 * One connection to another server, over its whole life: the client core (client.h) between its
 * socket, TLS and the deadlines. It carries one mail at a time for its owner, and may have several
 * owners one after another: who sets it up, who sends mail, and between mails the idle ones
 * (idle.h). While the verdict on a mail is waited for, the next mail's commands may be on their way
 * already; its owner is the next one.
 */
#ifndef POSTERN_REMOTE_SESSION_H
#define POSTERN_REMOTE_SESSION_H

#include "deliver-remote/client.h"
#include "deliver-remote/fault.h"
#include "deliver-remote/hops.h"
#include "deliver-remote/policy.h"
#include "deliver-remote/tls.h"

#include <event2/event.h>
#include <event2/event_struct.h>

enum {
	SESSION_QUIT_MS = 5 * 1000,  /* for the reply to QUIT */
	SESSION_SIGN_MS = 20 * 1000, /* at most, for a signature of keys */
	/* Octets a second over a whole content, beyond conf's data-timeout: a server that takes
	 * less holds us up on purpose. */
	SESSION_RATE_MIN = 100,
	/* What a mail that goes ahead saves is a round trip: it must be worth a message to queue.
	 * Behind a verdict that takes long it would wait for another's sake. */
	SESSION_AHEAD_MIN_MS = 5,
	SESSION_AHEAD_MAX_MS = 2000,
};

struct session;

/* None may free the session; each may call session_send, session_quit, session_set_owner. */
struct session_events {
	/* It can take a mail: after it was set up, and after each mail. */
	void (*on_ready)(struct session *s, void *owner);
	/* Exactly once for each recipient of session_send, before on_ready or on_over. */
	void (*on_result)(
	    struct session *s, void *owner, size_t recipient, const struct client_result *result);
	/* The end: `fault` and `reason` say why. It is freed after the return. */
	void (*on_over)(struct session *s, void *owner);
	/* At most once for each mail: session_send_ahead is worth while until its verdict comes.
	 * These three may be NULL where no mail is sent. */
	void (*on_sent)(struct session *s, void *owner);
	/* The results are there, and the session is its next owner's. */
	void (*on_passed_on)(struct session *s, void *owner);
	/* To the next owner: the session ends before it was passed on. */
	void (*on_given_up)(struct session *s, void *owner);
};

/* Where a mail's content is: in memory, or in a file. */
struct content {
	const uint8_t *octets; /* NULL: in the file */
	int fd;
	uint64_t size;
};

struct session {
	TAILQ_ENTRY(session) all;	     /* session.c */
	TAILQ_ENTRY(session) by_age, by_hop; /* idle.c */
	const struct session_events *events;
	void *owner;
	void *next_owner;		     /* of the mail that went ahead; NULL: none did */
	const struct client_mail *next_mail; /* its mail */
	struct hop *hop;
	struct policy *policy;
	const struct tls_expect *expect; /* NULL after the handshake */
	enum tls_wish wish; /* that it was set up for; OPTIONAL: its owner's mail alone */
	int fd;
	struct tls *tls;
	bool handshaking;
	bool signing;  /* it waits for keys */
	bool resuming; /* TLS failed with the session of an earlier connection */
	bool passing;  /* TLS failed by the clock or the line: another time it may not */
	bool started;  /* the client runs */
	bool ready;    /* told so */
	bool running;  /* settle() is at work */
	bool blocked;  /* by a full socket */
	bool deaf;     /* the server takes nothing any more */
	bool waiting;  /* idle: the deadline is for more mail */
	bool reused;   /* it has been idle, or carried a mail ahead */
	bool told;     /* on_sent was considered for the mail under way */
	struct client client;
	struct client_policy client_policy;
	struct buf out;
	struct content content; /* of the mail under way */
	struct event readable, writable, timer;
	uint64_t timer_ms;	 /* when the timer fires, at the latest */
	uint64_t step_ms;	 /* when the last step was made: a reply, octets that were taken */
	uint64_t content_ms;	 /* when the content began */
	uint64_t asked_ms;	 /* when MAIL was sent; 0: not to be measured */
	uint64_t round_trip_ms;	 /* from then until the content may be sent, measured last */
	uint64_t verdict_ms;	 /* from the content's end to the reply, measured last */
	enum client_phase phase; /* as of the last step */
	unsigned outstanding;
	unsigned mails;
	struct place place;			     /* family 0: a Unix socket */
	char label[DOMAIN_MAX + PLACE_TEXT_MAX + 3]; /* "mx.example.net[192.0.2.1]" */
	char relay[RELAY_MAX + 1];		     /* with the port */
	enum remote_tls tls_level;
	enum link_fault fault;
	struct text reason; /* in words, without the label */
	bool said;	    /* the reason is what the server said */
};

struct session_setup {
	int fd; /* connected, non-blocking; the session's from now on */
	struct hop *hop;
	struct policy *policy;
	/* What must hold of TLS; its memory stays until on_ready or on_over. */
	const struct tls_expect *expect;
	enum tls_wish wish;	   /* that `expect` was made for */
	const char *host;	   /* what was connected to, for people; NULL: the address alone */
	const struct place *place; /* NULL: a Unix socket */
};

/* Begins; nothing is called before the event loop runs. */
struct session *session_new(
    const struct session_setup *setup, const struct session_events *events, void *owner);
void session_set_owner(struct session *s, const struct session_events *events, void *owner);
/* Only when it is ready. What `mail` and `content` point to stays until the last on_result. */
void session_send(struct session *s, const struct client_mail *mail, const struct content *content);
/* The verdict on its mail is to come, and the next mail need not wait for it. */
bool session_may_send_ahead(const struct session *s);
/* Only then. `owner` is of the same kind as the one that it has, and becomes the owner when that
 * verdict has come. False: nothing was sent, and the session has nothing to do with it. */
bool session_send_ahead(
    struct session *s, const struct client_mail *mail, const struct content *content, void *owner);
/* The mail that went ahead is not sent: its owner hears no more of it, and the session ends with
 * the verdict on the one before. */
void session_withdraw(struct session *s);
/* Mail with that wish may go on it: it was not set up for less, and the server promises what it
 * must. */
bool session_fits(const struct session *s, enum tls_wish wish);
/* It may be sent one more mail: neither server nor configuration have enough of it. */
bool session_may_send(const struct session *s);
/* Ready: nobody sends anything for now; it ends by itself when that lasts too long. */
void session_wait(struct session *s);
/* Ready: says good-bye and ends; on_over follows. */
void session_quit(struct session *s);
/* Ready: says good-bye and ends at once, without a word to the owner. */
void session_leave(struct session *s);
/* Ends it at once, whatever it is at. The owner is told nothing, not even results. */
void session_abort(struct session *s);

/* Who it is, for a DSN: the host's name, or "[192.0.2.1]". */
struct str session_mta(const struct session *s);
/* How many there are. */
size_t session_count(void);

#endif
