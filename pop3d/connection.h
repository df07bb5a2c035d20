/* SPDX-License-Identifier: ISC
 *
 * One client between its connect and the hand-over to a session: its socket, the
 * dialogue (login.h), the question to directory, the hand-over itself. After that
 * only the place it takes is kept, until the session is over.
 */
#ifndef POSTERN_POP3D_CONNECTION_H
#define POSTERN_POP3D_CONNECTION_H

#include "common/conf.h"
#include "common/limits.h"
#include "common/msg-pop3d-directory.h"
#include "common/tls-stream.h"
#include "pop3d/login.h"
#include "pop3d/tls-pump.h"
#include "pop3d/worker.h"

#include <netinet/in.h>
#include <sys/queue.h>

enum {
	CONNECTION_INPUT_MAX = 8192,	 /* what msg session_open can carry */
	CONNECTION_CHECK_MS = 30000,	 /* how long directory may take */
	CONNECTION_HAND_MS = 5000,	 /* how long pop3d-session may be away */
	CONNECTION_HANDSHAKE_MS = 60000, /* a whole TLS handshake */
	CONNECTION_LAST_MS = 30000,	 /* how long a client may take for its last replies */
};

enum connection_state {
	CONNECTION_READING = 1,
	CONNECTION_CHECKING = 2, /* directory is asked */
	CONNECTION_WRONG = 4, /* the answer to a failed login is held back, until so long after the
			       * question: how long it took to find out cannot be seen */
	CONNECTION_HANDING = 8,	 /* waits for a channel to pop3d-session */
	CONNECTION_HANDED = 16,	 /* the session has it */
	CONNECTION_CLOSING = 32, /* the last reply is on its way */
	CONNECTION_CLOSED = 64,	 /* to be freed by its owner */
	CONNECTION_TLS = 128, /* a handshake is under way, or is to be when the replies are sent */
	CONNECTION_PUMPING = 256, /* the session has the other end of `pump` */
};

union client {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct connection {
	TAILQ_ENTRY(connection) all;
	TAILQ_ENTRY(connection) idle; /* while CONNECTION_READING; longest idle first */
	struct worker *worker;
	enum connection_state state;
	int fd; /* -1 once handed over or closed */
	uint32_t cookie;
	bool admitted;
	union client client;
	struct login login;
	struct buf in;
	struct buf out;
	struct event *readable;
	struct event *writable;	     /* NULL until it is needed */
	struct tls_service *service; /* NULL: no TLS here */
	struct tls_stream *tls;	     /* NULL: in clear */
	struct tls_facts *facts;     /* of `tls`, on the heap */
	bool implicit;		     /* TLS from the first octet */
	unsigned mechanisms;	     /* that directory lets us offer */
	bool opened;		     /* in CONNECTION_HANDING: pop3d-session is asked for a pipe */
	struct tls_pump *pump;
	const char *hostname;	    /* for the greeting behind implicit TLS; on the heap */
	uint64_t deadline;	    /* of the login as a whole */
	uint64_t wake;		    /* of the state; 0: none */
	uint64_t asked;		    /* when directory was, last */
	enum login_verdict verdict; /* CONNECTION_WRONG: for `answer` */
	struct event *answer;	    /* NULL in other states */
	char ticket[TICKET_SIZE];
	char session[SESSION_ID_MAX];
};

/* Told of every change of state, so that the owner can keep its lists. */
typedef void connection_changed_fn(struct connection *c, enum connection_state before);

struct connection_settings {
	const char *hostname;
	const struct conf_listener *listener;
	bool passwords;
	unsigned mechanisms; /* mask of what directory lets us offer */
	unsigned failures_max;
	uint64_t now;
	uint64_t timeout_ms;
};

/* Takes fd; the state is CONNECTION_READING, without a call of `changed`. */
struct connection *connection_new(struct worker *worker, int fd, const union client *client,
    uint32_t cookie, connection_changed_fn *changed);
/* Greets and begins to read. May change the state. */
void connection_start(struct connection *c, const struct connection_settings *settings);
void connection_free(struct connection *c);
/* Time has passed. */
void connection_tick(struct connection *c, uint64_t now);
/* A last word, and it is closed. */
void connection_refuse(struct connection *c, const char *code, const char *text);
void connection_on_challenge(struct connection *c, struct str message);
void connection_on_outcome(struct connection *c, const struct auth_result *result);
/* The channel to directory is gone, with the question. */
void connection_on_directory_lost(struct connection *c);
/* There is a channel to pop3d-session (again). */
void connection_on_session_channel(struct connection *c);
/* The other end of a session in TLS; true: it is the connection's now. */
bool connection_on_pipe(struct connection *c, int pipe);
/* The session is over. */
void connection_on_ended(struct connection *c);

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]". */
struct str client_format(const union client *client, char out[CLIENT_ADDRESS_MAX]);

#endif
