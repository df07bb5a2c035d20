/* SPDX-License-Identifier: ISC
 *
 * Part of the configuration (conf.h): where clients come in, and what we are to them.
 */
#ifndef POSTERN_CONF_LISTENER_H
#define POSTERN_CONF_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum conf_protocol { CONF_SMTP, CONF_SUBMISSION, CONF_POP3 };
enum conf_tls {
	CONF_TLS_NO,
	CONF_TLS_STARTTLS, /* offered: STARTTLS, of POP3 STLS */
	CONF_TLS_REQUIRED, /* the same, and nothing of worth without it */
	CONF_TLS_IMPLICIT, /* from the first octet (RFC 8314) */
};
enum conf_auth { CONF_AUTH_NO, CONF_AUTH_OFFERED, CONF_AUTH_REQUIRED };

/* listen NAME { address = "127.0.0.1:2525" } */
struct conf_listener {
	char *name;
	enum conf_protocol protocol;
	enum conf_tls tls;
	enum conf_auth auth;
	bool ask_certificate; /* of the client */
	char *address;	      /* as written: "*:25", "[::1]:25", "127.0.0.1:2525" */
	/* What it stands for: "*" gives one for IPv6 (v6only) and one for IPv4. */
	struct sockaddr_storage sockaddr[2];
	socklen_t sockaddr_len[2];
	size_t sockaddr_count;
	unsigned line;
};

/* certificate "mx.example.org" { chain = "mx.pem" key = "mx.key" }: what we are by TLS. The first
 * is shown to who names nobody; two of one name have keys of different kinds. deliver-remote shows
 * those that a section remote or relay names, to servers that ask. */
struct conf_certificate {
	char *name;  /* in lower case */
	char *chain; /* absolute paths of PEM files */
	char *key;
	bool client_only; /* no listener's */
	bool is_client;	  /* deliver-remote's: a section remote or relay names it */
	unsigned line;
};

struct conf_fingerprint {
	uint8_t sha256[32];
};

#endif
