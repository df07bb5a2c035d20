/* SPDX-License-Identifier: ISC
 *
 * SCRAM-SHA-256 (RFC 5802, RFC 7677): the keys, the proofs, the attributes of messages, and the
 * client's side. The server's is directory's. Messages in, messages out; no I/O.
 */
#ifndef POSTERN_SCRAM_H
#define POSTERN_SCRAM_H

#include "common/buf.h"
#include "common/limits.h"

enum {
	SCRAM_KEY_SIZE = 32,
	SCRAM_SALT_MAX = 64,
	SCRAM_SALT_SIZE = 16,	  /* of those that we make */
	SCRAM_NONCE_SIZE = 24,	  /* characters, of those that we make */
	SCRAM_NONCE_MAX = 256,	  /* client's and server's together */
	SCRAM_MESSAGE_MAX = 2048, /* of one message */
	/* RFC 7677 §4 wants 4096 at least; who asks a client of ours for more than the second is
	 * out to keep it busy. */
	SCRAM_ITERATIONS_MIN = 4096,
	SCRAM_ITERATIONS_MAX = 10 * 1000 * 1000,
};

/* What a server keeps of a password: none of it lets anybody log in elsewhere, or here. */
struct scram_keys {
	uint32_t iterations;
	size_t salt_size;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t stored[SCRAM_KEY_SIZE];
	uint8_t server[SCRAM_KEY_SIZE];
};

/* Sets `stored` and `server` from the rest, of a password in SASLprep's form. Takes as long as the
 * iterations do. */
bool scram_derive(struct str password, struct scram_keys *keys);
/* Random printable characters without a comma, NUL-terminated; false without random numbers. */
bool scram_nonce(char out[SCRAM_NONCE_SIZE + 1]);
bool scram_hmac(const uint8_t key[SCRAM_KEY_SIZE], struct str text, uint8_t out[SCRAM_KEY_SIZE]);

/* Takes "NAME=value" and the comma behind it off *rest; false when something else is next. A value
 * may be empty; where that is wrong, the caller says so. */
bool scram_take(struct str *rest, char name, struct str *value);

/* Whether the proof is one that only the password's owner can make (RFC 5802 §3), and if so the
 * server's signature. Of a wrong password nothing can be known, not even that it is the same as
 * the last. */
bool scram_verify(const struct scram_keys *keys, struct str auth_message,
    const uint8_t proof[SCRAM_KEY_SIZE], uint8_t signature[SCRAM_KEY_SIZE]);

/* ---- the client --------------------------------------------------------------- */

struct scram_client {
	char nonce[SCRAM_NONCE_SIZE + 1];
	struct buf auth_message;	   /* as far as it is known */
	uint8_t signature[SCRAM_KEY_SIZE]; /* that the server must show */
};

void scram_client_init(struct scram_client *c);
/* Wipes. */
void scram_client_reset(struct scram_client *c);
/* Each appends a message; false when there is none to send: the server's message was wrong, or the
 * ceiling of `out` is too low. `nonce` NULL: a random one. No channel binding ("n"). User and
 * password are sent in SASLprep's form; what has none, as it is. */
bool scram_client_first(
    struct scram_client *c, struct str user, const char *nonce, struct buf *out);
bool scram_client_final(
    struct scram_client *c, struct str server_first, struct str password, struct buf *out);
/* Whether the server knows the password, too. */
bool scram_client_verify(const struct scram_client *c, struct str server_final);

#endif
