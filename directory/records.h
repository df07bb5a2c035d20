/* SPDX-License-Identifier: ISC
 *
 * What the compiled tables domains, routes, tls, logins and senders keep under a key
 * (aliases: alias.h). Each `put` appends a record and is false when something is
 * longer than it may be; each `get` is false for anything `put` does not write.
 * Strings point into the value.
 */
#ifndef POSTERN_DIRECTORY_RECORDS_H
#define POSTERN_DIRECTORY_RECORDS_H

#include "common/answers.h"
#include "common/limits.h"
#include "common/msg-remote-directory.h"
#include "common/wire.h"

#define RECORD_VALUE_MAX ((size_t)16 * 1024)

/* domains: the value is empty, or this octet alone for a domain whose mail is only passed on. */
#define DOMAIN_RELAY STR("R")

/* routes */
enum route_kind {
	ROUTE_NEXTHOP = 1, /* text: the nexthop's one text */
	ROUTE_ERROR = 2,   /* text: what the sender is told; may be empty */
	ROUTE_DISCARD = 3,
	ROUTE_HOLD = 4, /* kept, until the operator lets it go */
};

struct route_record {
	enum route_kind kind;
	struct str text;
};

bool route_put(struct buf *b, const struct route_record *r);
bool route_get(struct str value, struct route_record *out);

/* tls */
enum { TLS_NAMES_MAX = 8, TLS_FINGERPRINTS_MAX = 8 };

struct tls_record {
	enum tls_policy policy;
	struct hop_name names[TLS_NAMES_MAX]; /* TLS_VERIFY */
	size_t name_count;
	struct hop_fingerprint
	    fingerprints[TLS_FINGERPRINTS_MAX]; /* TLS_FINGERPRINT, one at least */
	size_t fingerprint_count;
};

bool tls_put(struct buf *b, const struct tls_record *r);
bool tls_get(struct str value, struct tls_record *out);

/* logins */
struct login_record {
	struct str user;
	struct str password;
};

bool login_put(struct buf *b, const struct login_record *r);
bool login_get(struct str value, struct login_record *out);

/* senders */
enum { SENDERS_PATTERNS_MAX = 256 };

/* Each an address in key.h's form, "@example.org", or "*". */
struct senders_record {
	struct str patterns[SENDERS_PATTERNS_MAX];
	size_t count; /* one at least */
};

bool senders_put(struct buf *b, const struct senders_record *r);
bool senders_get(struct str value, struct senders_record *out);

#endif
