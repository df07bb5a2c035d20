/* SPDX-License-Identifier: ISC
 *
 * How the kernel treats a client's connection. Replies are written whole, so they never wait for
 * more; and it finds out by itself, within two minutes, that a client is gone whose network
 * went away without a word: a slot, and a mailbox, is then free for others.
 */
#ifndef POSTERN_CLIENT_SOCKET_H
#define POSTERN_CLIENT_SOCKET_H

#include <stdbool.h>

enum {
	CLIENT_SOCKET_IDLE_S = 60,     /* without a word from the client, until it is probed */
	CLIENT_SOCKET_INTERVAL_S = 15, /* from a probe to the next */
	CLIENT_SOCKET_PROBES = 4,      /* unanswered, and the connection is over */
	/* What was sent may be unacknowledged for as long. The kernel goes by this one
	 * for probes, too, where it is set, so it is the sum of the others. */
	CLIENT_SOCKET_LOST_MS = (CLIENT_SOCKET_IDLE_S + CLIENT_SOCKET_PROBES * CLIENT_SOCKET_INTERVAL_S) * 1000,
};

/* For a TCP socket; what is accepted from a listener inherits it. Returns false with errno when
 * something could not be set. */
bool client_socket_prepare(int fd);

#endif
