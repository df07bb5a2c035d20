/* SPDX-License-Identifier: ISC
 *
 * What the client core (client.h) knows of a server.
 */
#ifndef POSTERN_DELIVER_REMOTE_CLIENT_PEER_H
#define POSTERN_DELIVER_REMOTE_CLIENT_PEER_H

#include <stdint.h>

/* What the server said it can, RFC numbers in client-ehlo.c. */
enum client_extension {
	EXT_PIPELINING = 1,
	EXT_SIZE = 2,
	EXT_8BITMIME = 4,
	EXT_SMTPUTF8 = 8,
	EXT_CHUNKING = 16,
	EXT_DSN = 32,
	EXT_STARTTLS = 64,
	EXT_ENHANCED = 128,
	EXT_AUTH = 256,
	EXT_LIMITS = 512,
	EXT_AUTH_PLAIN = 1024,
	EXT_AUTH_LOGIN = 2048,
	EXT_AUTH_SCRAM = 4096, /* SCRAM-SHA-256 */
	EXT_REQUIRETLS = 8192,
};

struct client_peer {
	unsigned extensions; /* mask of enum client_extension */
	uint64_t size_max;   /* RFC 1870; 0: no limit known */
	/* RFC 9422; 0: no limit known */
	unsigned rcpt_max, mail_max, rcpt_domain_max;
};

/* For deadlines and log lines. */
enum client_phase {
	CLIENT_PHASE_GREETING,
	CLIENT_PHASE_EHLO,
	CLIENT_PHASE_STARTTLS, /* the reply to it, and the handshake */
	CLIENT_PHASE_AUTH,
	CLIENT_PHASE_IDLE, /* READY */
	CLIENT_PHASE_RESET,
	CLIENT_PHASE_MAIL,
	CLIENT_PHASE_RCPT,
	CLIENT_PHASE_DATA,    /* the reply to DATA (354) */
	CLIENT_PHASE_CONTENT, /* progress is what `out` loses */
	CLIENT_PHASE_END,     /* the reply or replies to the end of the content */
	CLIENT_PHASE_QUIT,
	CLIENT_PHASE_OVER,
};

#endif
