/* SPDX-License-Identifier: ISC
 *
 * What surrounds a message's content (RFC 5321 §2.3.1): who sent it, who is to
 * get it, and what the client asked for. The structs and their wire functions
 * come from envelope.def.
 */
#ifndef POSTERN_ENVELOPE_H
#define POSTERN_ENVELOPE_H

#include "common/limits.h"
#include "common/wire.h"

enum transport {
	TRANSPORT_LOCAL = 1,   /* a mailbox here; deliver-local */
	TRANSPORT_REMOTE = 2,  /* another server; deliver-remote */
	TRANSPORT_DISCARD = 3, /* accepted and thrown away, as the operator wished */
	TRANSPORT_HOLD = 4,    /* kept until the operator lets it go: then to the nexthop, or to a
				  mailbox here when there is none */
};

enum notify { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum ret { RET_NONE = 0, RET_FULL = 1, RET_HDRS = 2 };
enum envelope_flags {
	ENVELOPE_8BITMIME = 1,
	ENVELOPE_SMTPUTF8 = 2,
	ENVELOPE_REQUIRETLS = 4,   /* RFC 8689 §2 */
	ENVELOPE_TLS_OPTIONAL = 8, /* RFC 8689 §3: "TLS-Required: No"; never with the one before */
};

#define TABLE "common/envelope.def"
#include "common/msg-declare.h"
#undef TABLE

#endif
