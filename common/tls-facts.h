/* SPDX-License-Identifier: ISC
 *
 * What a server knows of a connection's TLS once the handshake is over: for Received
 * (RFC 8314 §4.3), the log, policy, and the channel binding of SASL (RFC 5929, RFC 9266).
 */
#ifndef POSTERN_TLS_FACTS_H
#define POSTERN_TLS_FACTS_H

#include "common/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TLS_EXPORTER_SIZE = 32, /* RFC 9266 §4.1 */
	TLS_ENDPOINT_MAX = 64,	/* a hash of at most 512 bits: RFC 5929 §4.1 */
	TLS_UNIQUE_MAX = 36,	/* a Finished message: RFC 5929 §3.1 */
};

struct tls_facts {
	char version[8];		  /* "TLSv1.3" */
	char cipher[64];		  /* "TLS_AES_256_GCM_SHA384" */
	unsigned bits;			  /* of the cipher */
	bool resumed;			  /* by a ticket */
	char server_name[DOMAIN_MAX + 1]; /* SNI; empty: none was sent */
	/* What binds a login to the channel: see tls_stream_take_bindings. */
	bool has_exporter; /* not before TLS 1.3 */
	uint8_t exporter[TLS_EXPORTER_SIZE];
	size_t unique_size; /* 0: not safe here (RFC 9266 §1) */
	uint8_t unique[TLS_UNIQUE_MAX];
	size_t endpoint_size; /* 0: the certificate's signature has no hash of its own */
	uint8_t endpoint[TLS_ENDPOINT_MAX];
	bool has_peer;		 /* the client showed a certificate, and its key */
	uint8_t peer_sha256[32]; /* of that certificate (DER) */
};

#endif
