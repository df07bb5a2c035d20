/* SPDX-License-Identifier: ISC
 *
 * The process of one session: it gives up everything but one mailbox and one
 * client, and speaks POP3 between them to the end.
 */
#ifndef POSTERN_SESSION_CHILD_H
#define POSTERN_SESSION_CHILD_H

#include "common/str.h"

struct session_start {
	int client;	    /* socket, non-blocking */
	int parent;	    /* readable or closed: leave */
	int root;	    /* the mailboxes' root */
	const char *path;   /* of the mailbox, below it */
	struct str address; /* whose mailbox */
	struct str peer;    /* the client's address, for the log */
	struct str session; /* id, for the log */
	struct str pending; /* what the client sent after its PASS */
	uint64_t idle_ms;
};

enum {
	SESSION_STALL_MS = 120000,    /* without the client taking anything of a reply */
	SESSION_RATE_MIN = 256,	      /* octets per second that it must take over time */
	SESSION_LOCK_MS = 1000,	      /* how long the end of another session is waited for */
	SESSION_LENGTH_MAX_S = 86400, /* of a session */
};

/* Called in the forked child. */
void session_child(const struct session_start *start) __attribute__((noreturn));

#endif
