/* SPDX-License-Identifier: ISC
 *
 * The server's side of SASL (RFC 4422): one exchange, messages in, messages out. It knows neither
 * users nor clocks: where a password must be checked, or a user's SCRAM keys are wanted, it says
 * so, and the caller goes on with sasl_keys or decides itself.
 *
 * A message that a mechanism's grammar does not allow is refused like a wrong password: who guesses
 * learns nothing from the difference.
 */
#ifndef POSTERN_DIRECTORY_SASL_H
#define POSTERN_DIRECTORY_SASL_H

#include "common/auth.h"
#include "common/scram.h"

enum sasl_next {
	SASL_CHALLENGE, /* `out` is to be sent; its response goes to sasl_response */
	SASL_PASSWORD,	/* over; let in whoever `password` is right for */
	SASL_KEYS,	/* what are the SCRAM keys of `user`? sasl_keys */
	SASL_PROVED,	/* over; it is `user`; `out` is the mechanism's last word */
	SASL_REFUSED,	/* over */
};

enum sasl_step { SASL_INITIAL, SASL_SECOND, SASL_WAITS_FOR_KEYS, SASL_FINAL, SASL_OVER };

/* What an exchange knows of the connection; copied. */
struct sasl_binding {
	struct str exporter, unique, endpoint; /* empty: there is none */
	bool plus_offered;
};

struct sasl {
	unsigned mechanism;
	enum sasl_step step;
	const char *why;  /* SASL_REFUSED: for the log */
	size_t user_size; /* octets as the client sent them */
	size_t as_size;	  /* 0: as oneself */
	size_t password_size;
	char user[LOGIN_MAX];
	char as[LOGIN_MAX]; /* who the client wants to be taken for */
	char password[PASSWORD_MAX];
	struct buf out;
	/* SCRAM */
	char nonce[SCRAM_NONCE_MAX + 1];
	size_t nonce_size;
	size_t client_nonce_size;
	bool plus_offered;
	bool known;	  /* keys of a user that there is */
	struct scram_keys keys;
	struct buf channel; /* gs2-header and channel binding, as the client must repeat them */
	struct buf auth_message;
	size_t exporter_size, unique_size, endpoint_size;
	uint8_t exporter[TLS_EXPORTER_SIZE], unique[TLS_UNIQUE_MAX], endpoint[TLS_ENDPOINT_MAX];
};

/* `mechanism`: one bit of enum auth_mechanism. `nonce`: our half, SCRAM_NONCE_SIZE characters. */
void sasl_init(
    struct sasl *s, unsigned mechanism, const struct sasl_binding *binding, const char *nonce);
/* Wipes and frees. */
void sasl_reset(struct sasl *s);

/* After the client has named the mechanism; `initial` NULL: without a response. */
enum sasl_next sasl_begin(struct sasl *s, const struct str *initial);
enum sasl_next sasl_response(struct sasl *s, struct str message);
/* After SASL_KEYS. `known` false: the keys are some that stand in for those of a user who has none,
 * or does not exist; the exchange looks the same, and ends in SASL_REFUSED. */
enum sasl_next sasl_keys(struct sasl *s, const struct scram_keys *keys, bool known);

static inline struct str sasl_user(const struct sasl *s)
{
	return str_from(s->user, s->user_size);
}

/* For sasl-scram.c. */
enum sasl_next sasl_refuse(struct sasl *s, const char *why);
bool sasl_set(struct str in, char *to, size_t max, size_t *size);
enum sasl_next sasl_scram_first(struct sasl *s, struct str message);
enum sasl_next sasl_scram_final(struct sasl *s, struct str message);

#endif
