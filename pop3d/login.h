/* SPDX-License-Identifier: ISC
 *
 * POP3 before the login is done (RFC 1939 §4, RFC 5034): what a client says, and what it is told.
 * Bytes in, replies and one wish out; no I/O, no clock. Who somebody is, directory decides: USER
 * and PASS are an exchange of PLAIN to it.
 */
#ifndef POSTERN_LOGIN_H
#define POSTERN_LOGIN_H

#include "common/answers.h"
#include "common/auth.h"
#include "common/buf.h"
#include "common/tls-facts.h"

enum {
	LOGIN_BAD_COMMANDS_MAX = 3,
	LOGIN_COMMANDS_MAX = 50,
	LOGIN_REPLY_MAX = 512, /* octets of one reply, but for challenges */
	LOGIN_CHALLENGE_MAX = 4 * AUTH_MESSAGE_MAX,
	LOGIN_OUTPUT_MAX = (LOGIN_COMMANDS_MAX + 2) * LOGIN_REPLY_MAX + LOGIN_CHALLENGE_MAX,
};

/* What the next line is. */
enum login_step {
	LOGIN_COMMAND,
	LOGIN_ASKED,	  /* none is taken: directory was asked */
	LOGIN_CHALLENGED, /* the response to a challenge */
	LOGIN_LAST,	  /* the empty response to the mechanism's last word */
};

struct login {
	bool passwords; /* logins are taken on this connection */
	bool stls;	/* TLS may be begun (RFC 2595 §4) */
	const struct tls_facts *tls; /* NULL: in clear */
	uint8_t bad;
	uint8_t commands;
	uint16_t failures;
	uint16_t failures_max;
	enum login_step step;
	unsigned offer;	    /* mask of mechanisms for this connection */
	unsigned mechanism; /* under way */
	bool has_initial;
	struct buf message; /* for directory; wiped by login_wipe */
	char *user;	    /* as given in USER, or NULL */
};

enum login_next {
	LOGIN_READ,    /* go on when there is more input */
	LOGIN_BEGIN,   /* tell directory: l->mechanism, l->has_initial, l->message */
	LOGIN_RESPOND, /* l->message is the response to its challenge */
	LOGIN_CANCEL,  /* the client gave up: tell directory, and call login_input again */
	LOGIN_LET_IN,
	LOGIN_STLS,  /* the reply says that TLS begins; when it has, call login_on_tls */
	LOGIN_CLOSE, /* close when the replies are sent */
	LOGIN_DROP,  /* close at once */
};

void login_init(struct login *l, bool passwords, unsigned offer, unsigned failures_max);
/* What was said in clear is forgotten; passwords may be used, and `offer` by AUTH. `facts` live as
 * long as the login. */
void login_on_tls(struct login *l, const struct tls_facts *facts, unsigned offer);
void login_release(struct login *l);
void login_greet(struct buf *out, const char *hostname);
/* Works through the lines in `in`. LOGIN_BEGIN, LOGIN_RESPOND: what is left in `in` came after the
 * line; login_wipe when directory was asked. `out` holds LOGIN_OUTPUT_MAX. */
enum login_next login_input(struct login *l, struct buf *in, struct buf *out);
void login_wipe(struct login *l);
/* What directory said; each is followed by login_input unless it is the end. */
void login_challenge(struct login *l, struct str message, struct buf *out);
/* `last`: the mechanism's last word, LOGIN_OK only; may be empty. */
enum login_next login_answer(
    struct login *l, enum login_verdict verdict, struct str last, struct buf *out);

#endif
