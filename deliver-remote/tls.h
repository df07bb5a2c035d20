/* SPDX-License-Identifier: ISC
 *
 * TLS with one server over its socket, by OpenSSL: TLS 1.2 or newer, no renegotiation, no
 * compression, and what tls-policy.h demands of the certificate. A server that asks for ours gets
 * the one that the nexthop has, signed for by the program keys (common/tls-keys.h).
 */
#ifndef POSTERN_REMOTE_TLS_H
#define POSTERN_REMOTE_TLS_H

#include "common/answers.h"
#include "common/msg-remote-directory.h"
#include "common/tls-io.h"
#include "deliver-remote/place.h"
#include "deliver-remote/text.h"
#include "deliver-remote/tls-policy.h"

/* Before the jail, after tls_keys_setup: algorithms, random numbers, and the authorities from that
 * file (NULL: none; a file that cannot be read is logged, and nobody is verified then). */
void tls_setup(const char *authorities);
void tls_teardown(void);
/* keys has told what certificates there are now: what waits for that goes on. */
void tls_on_keys(void);

struct tls_expect {
	enum tls_demand demand; /* not CLEAR, not UNMET */
	bool dane_only;
	const char *host; /* that was connected to; NULL: an address, no name */
	const struct place *address;
	const struct hop_name *names; /* that the certificate may have instead; none: `host` */
	size_t name_count;
	const struct hop_fingerprint *fingerprints;
	size_t fingerprint_count;
	const char *tlsa_base; /* where the TLSA records were found */
	const char *nexthop;   /* the domain, a name that DANE-TA allows too; may be NULL */
	const struct tlsa *records;
	size_t record_count;
	struct str certificate; /* ours, of which name; empty: none is shown */
};

struct tls;

/* The socket stays the caller's and outlives it; of `expect` only the fingerprints do (until the
 * handshake is over). NULL when the demand cannot be put to OpenSSL. */
struct tls *tls_new(int fd, const struct tls_expect *expect, tls_job_fn *on_signed, void *ctx);
void tls_free(struct tls *t);

/* 1: done and as demanded; TLS_AGAIN; TLS_SIGNING: keys is asked; TLS_FAILED with `why`. */
int tls_handshake(struct tls *t, struct text *why);
/* As tls_io_read and tls_io_write. */
int tls_read(struct tls *t, void *to, size_t n);
int tls_write(struct tls *t, const void *from, size_t n);
/* After TLS_FAILED: the alert by which the server ended it, for people; false: there was none. */
bool tls_explain_alert(const struct tls *t, struct text *out);
/* It came instead of the server's first octet. In TLS 1.3 our certificate and the end of our handshake
 * are judged when the handshake is done here (RFC 8446 §4.4.2.4, §6.2): it has failed. */
bool tls_is_refused(const struct tls *t);
/* A session was offered: without one it may go better, and none will be offered next time. */
bool tls_has_offered_session(const struct tls *t);
/* The connection ended in the handshake, without a word of TLS's. */
bool tls_is_cut_off(const struct tls *t);
/* It failed for want of our certificate, or of a signature. */
bool tls_is_own_fault(const struct tls *t);
/* Whether the last call waits to write, not to read. */
bool tls_wants_write(const struct tls *t);
/* Octets that were received already wait to be read. */
bool tls_has_more(const struct tls *t);
/* Says good-bye; does not wait. */
void tls_close(struct tls *t);

/* After the handshake. */
bool tls_is_resumed(const struct tls *t);
enum remote_tls tls_level(const struct tls *t);
/* "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)" */
void tls_describe(const struct tls *t, struct text *out);

#endif
