/* SPDX-License-Identifier: ISC
 *
 * The three faults of a network that stop all mail and look like the fault of every
 * single server: connections to port 25 are blocked, they are diverted to one server
 * whatever the address, or the name servers withhold or forge answers. None can be
 * told from one server; this looks at several unrelated ones.
 *
 * Two exchangers are unrelated when their names belong to different organisations:
 * the last two labels, or three where the last two are like co.uk.
 *
 * Pure: what was seen and the time come in, the verdict goes out.
 */
#ifndef POSTERN_NETFAULT_H
#define POSTERN_NETFAULT_H

#include "common/buf.h"

enum netfault {
	NETFAULT_NONE,
	NETFAULT_BLOCKED,  /* nobody unrelated could be connected to, and nobody could */
	NETFAULT_DIVERTED, /* one and the same server greets for unrelated exchangers */
	NETFAULT_DNS,	   /* answers for unrelated domains do not validate, and none does */
};

enum netfault_sight {
	SIGHT_GREETED = 1, /* an SMTP server greeted; `who` is what it calls itself */
	SIGHT_NO_LINK = 2, /* refused, timed out, unreachable */
	SIGHT_NAMES = 3,   /* a sound DNS answer, of whatever content */
	SIGHT_FORGED = 4,  /* one that does not validate, or differs from the one that does */
};

enum {
	NETFAULT_UNRELATED = 3,		     /* so many have to agree */
	NETFAULT_WINDOW_MS = 15 * 60 * 1000, /* what is older counts no more */
	NETFAULT_SEEN = 16, /* organisations remembered, of links and of names each */
};

struct netfault_seen {
	uint64_t organisation; /* a hash; 0: none */
	uint64_t who;	       /* SIGHT_GREETED: a hash */
	uint64_t at;	       /* milliseconds */
	uint8_t sight;
	bool own; /* who belongs to that organisation */
};

struct netfaults {
	struct netfault_seen links[NETFAULT_SEEN];
	struct netfault_seen names[NETFAULT_SEEN];
	enum netfault verdict;
};

/* Zeroed it has seen nothing. `name` is the exchanger's, or the domain asked for; `who` is empty
 * but for SIGHT_GREETED. `now` never goes back. True when the verdict is another than before. */
bool netfaults_note(
    struct netfaults *n, enum netfault_sight sight, struct str name, struct str who, uint64_t now);

/* "outbound port 25 is blocked", for logs and deferral texts; NETFAULT_NONE gives "". */
const char *netfault_name(enum netfault fault);
/* What is wrong and what to do, with the lines for the configuration; several lines of text. */
const char *netfault_remedy(enum netfault fault);

/* What a greeting's server calls itself: the first word after the code (RFC 5321 §4.2), without
 * it an empty string. */
struct str netfault_greeter(struct str greeting);

#endif
