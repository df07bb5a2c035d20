/* SPDX-License-Identifier: ISC
 *
 * Looks at ports of other machines, many at once, for `postern check network`: whether
 * somebody answers, how an SMTP server greets, and which certificate it shows. Each probe
 * is a process of its own, so that one which hangs costs the others nothing.
 */
#ifndef POSTERN_CONTROL_NET_PROBE_H
#define POSTERN_CONTROL_NET_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
	NET_PROBES_MAX = 64,
	NET_GREETING_MAX = 512,
	NET_FINGERPRINT_SIZE = 65, /* SHA-256 in hex, NUL-terminated */
};

enum net_outcome {
	NET_GREETED = 1,   /* an SMTP greeting came */
	NET_CONNECTED = 2, /* somebody took the connection; nothing was said, or was asked for */
	NET_REFUSED = 3,
	NET_TIMED_OUT = 4,
	NET_UNREACHABLE = 5,
};

struct net_probe {
	struct sockaddr_storage address; /* with the port */
	socklen_t address_size;
	bool smtp; /* wait for a greeting, and look at the certificate if there is STARTTLS */
};

struct net_sight {
	enum net_outcome outcome;
	char greeting[NET_GREETING_MAX];	/* its first line; may be empty */
	char fingerprint[NET_FINGERPRINT_SIZE]; /* empty: none was shown */
};

/* `seconds` for each of the steps connecting, greeting, EHLO and TLS. `count` is at most
 * NET_PROBES_MAX. False with errno when no process can be had. */
bool net_probe_all(
    const struct net_probe *probes, struct net_sight *sights, size_t count, unsigned seconds);

/* "timed out", ... */
const char *net_outcome_name(enum net_outcome outcome);

#endif
