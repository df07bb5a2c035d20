/* SPDX-License-Identifier: ISC
 *
 * POP3 before the password is right (RFC 1939 §4): what a client says, and what
 * it is told. Bytes in, replies and one wish out; no I/O, no clock.
 */
#ifndef POSTERN_LOGIN_H
#define POSTERN_LOGIN_H

#include "common/answers.h"
#include "common/buf.h"
#include "common/tls-facts.h"

enum {
	LOGIN_BAD_COMMANDS_MAX = 3,
	LOGIN_COMMANDS_MAX = 50,
	LOGIN_REPLY_MAX = 256, /* octets of one reply */
	LOGIN_OUTPUT_MAX = (LOGIN_COMMANDS_MAX + 2) * LOGIN_REPLY_MAX,
};

struct login {
	bool passwords; /* USER and PASS may be used on this connection */
	bool stls;	/* TLS may be begun (RFC 2595 §4) */
	const struct tls_facts *tls; /* NULL: in clear */
	uint8_t bad;
	uint8_t commands;
	uint16_t failures;
	uint16_t failures_max;
	char *user; /* as given in USER, or NULL */
};

enum login_next {
	LOGIN_READ,  /* go on when there is more input */
	LOGIN_CHECK, /* ask directory about user and *password, then call login_answer */
	LOGIN_STLS,  /* the reply says that TLS begins; when it has, call login_on_tls */
	LOGIN_CLOSE, /* close when the replies are sent */
	LOGIN_DROP,  /* close at once */
};

void login_init(struct login *l, bool passwords, unsigned failures_max);
/* What was said in clear is forgotten; passwords may be used. `facts` live as long as the login. */
void login_on_tls(struct login *l, const struct tls_facts *facts);
void login_release(struct login *l);
void login_greet(struct buf *out, const char *hostname);
/* Works through the lines in `in`. LOGIN_CHECK: *password lives until `in` grows; what is left in
 * `in` came after the PASS. `out` holds LOGIN_OUTPUT_MAX. */
enum login_next login_input(struct login *l, struct buf *in, struct buf *out, struct str *password);
/* directory's word (not LOGIN_OK: then the session answers). */
enum login_next login_answer(struct login *l, enum login_verdict verdict, struct buf *out);

#endif
