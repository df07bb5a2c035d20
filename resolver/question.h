/* SPDX-License-Identifier: ISC
 *
 * What is asked: a type and a name. Made from a peer's message; false when the message names
 * nothing that DNS can have.
 */
#ifndef POSTERN_RESOLVER_QUESTION_H
#define POSTERN_RESOLVER_QUESTION_H

#include "common/dns-name.h"
#include "resolver/packet.h"

struct question {
	uint16_t type; /* enum rr_type */
	size_t n;
	char name[DNS_NAME_MAX + 1]; /* a host name, NUL-terminated */
};

bool question_host(uint16_t type, struct str name, struct question *out);
/* `family` 4 or 6. */
bool question_address(uint8_t family, struct str host, struct question *out);
bool question_tlsa(uint16_t port, struct str host, struct question *out);
/* An address of 4 or 16 octets; RFC 1035 §3.5, RFC 3596 §2.5. */
bool question_ptr(struct str address, struct question *out);

static inline struct str question_name(const struct question *q)
{
	return str_from(q->name, q->n);
}
/* "MX", for the log. */
const char *question_type_name(uint16_t type);

#endif
