/* SPDX-License-Identifier: ISC
 *
 * One client's login, from its mechanism's name to the result. answer-auth.c keeps the exchanges
 * and speaks with smtpd and pop3d; auth-verify.c decides, for users of the machine with
 * auth-system.c.
 *
 * Whether there is such a user shows neither in the answers nor in the time they take: who is
 * unknown, or has no password, is checked against a stand-in, and gets a stand-in salt (stranger.h).
 * Everything that held a password is wiped.
 */
#ifndef POSTERN_DIRECTORY_EXCHANGE_H
#define POSTERN_DIRECTORY_EXCHANGE_H

#include "common/answers.h"
#include "directory/guesses.h"
#include "directory/hash-format.h"
#include "directory/login-cache.h"
#include "directory/pam-client.h"
#include "directory/sasl.h"
#include "directory/server.h"
#include "directory/system-users.h"
#include "directory/work.h"

#include <sys/queue.h>

enum {
	EXCHANGES_PER_PEER = 2000,
	/* smtpd and pop3d have their own, shorter. */
	EXCHANGE_MS = 10 * 60 * 1000,
	EXCHANGE_LINE_MAX = 16,
};

struct exchange {
	struct work_job job; /* first */
	TAILQ_ENTRY(exchange) link;
	uint8_t key[12]; /* serial of the peer, cookie */
	uint64_t peer;
	uint32_t cookie;
	uint64_t until_ms;
	bool working; /* its password waits, is being hashed, or is with PAM */
	bool dropped; /* nobody wants the result any more */
	bool known;   /* there is such a user, and it may log in so */
	bool right;   /* the password is */
	struct sasl sasl;
	struct guess_source from;
	char *session, *client; /* for the log */
	size_t address_size;
	char address[ADDRESS_MAX]; /* the login's key; what was given, when it is no address */
	char hash[HASH_MAX + 1];
	uint64_t mark; /* login-mark.h; of a user of the machine 0 */
	uint8_t digest[LOGIN_DIGEST_SIZE];
	size_t line_size;
	uint8_t line[EXCHANGE_LINE_MAX]; /* the network it came from: whose turn it is */
	/* Of a user of the machine. */
	uint32_t uid; /* else 0 */
	struct system_wait wait;
	struct pam_question question;
};

/* ---- answer-auth.c -------------------------------------------------------------- */

void exchange_challenge(struct exchange *x);
/* Each frees the exchange. */
void exchange_let_in(struct exchange *x);
void exchange_refuse(struct exchange *x, enum login_verdict verdict, unsigned delay_ms);
/* Its job came back after it was dropped. */
void exchange_free(struct exchange *x);
const char *exchange_protocol(const struct exchange *x);

/* ---- auth-verify.c -------------------------------------------------------------- */

void auth_verify_start(const struct conf *conf);
void auth_verify_reload(const struct conf *conf);
void auth_verify_end(void);
/* Whether anybody from there may try at all; false: it was too much, and is refused. */
bool auth_verify_admit(struct exchange *x);
/* Goes on with what the mechanism said. */
void auth_verify_step(struct exchange *x, enum sasl_next next);
/* The ends of a password's check, of which x->digest is the same for the same password. The texts
 * are for the log only. The first counts, and is for those that were dropped, too. */
void auth_verify_fail(struct exchange *x, const char *why);
void auth_verify_succeed(struct exchange *x, const char *how);
void auth_verify_put_off(struct exchange *x, const char *why);

/* ---- auth-system.c -------------------------------------------------------------- */

/* The password is a user's of the machine; x->digest is set. */
void auth_system_verify(struct exchange *x);

#endif
