/* SPDX-License-Identifier: ISC
 *
 * Reading a DNS message (RFC 1035 §4.1). A cursor never goes past its end; names are taken out
 * of compression, in lower case, and are not yet host names.
 */
#ifndef POSTERN_RESOLVER_PACKET_H
#define POSTERN_RESOLVER_PACKET_H

#include "common/dns-name.h"

enum rr_type {
	RR_A = 1,
	RR_CNAME = 5,
	RR_SOA = 6,
	RR_PTR = 12,
	RR_MX = 15,
	RR_TXT = 16,
	RR_AAAA = 28,
	RR_DNSKEY = 48,
	RR_TLSA = 52,
};

enum { CLASS_IN = 1 };

/* `p` is the whole message, as pointers in names may go back to its start; `end` is where this
 * part of it ends. */
struct packet {
	const uint8_t *p;
	size_t at;
	size_t end;
};

/* As on the wire: labels with their lengths, the root's empty one at the end; lower case. */
struct packet_name {
	size_t n;
	uint8_t p[DNS_WIRE_NAME_MAX];
};

struct packet_header {
	bool response;
	bool truncated;
	uint8_t opcode;
	uint8_t rcode;
	uint16_t questions, answers, authorities, additionals;
};

struct packet_record {
	struct packet_name owner;
	uint16_t type;
	uint16_t class;
	uint32_t ttl;
	struct packet rdata;
};

/* Each takes all of it, or returns false and leaves the cursor anywhere before the end. */
bool packet_get_u8(struct packet *k, uint8_t *out);
bool packet_get_u16(struct packet *k, uint16_t *out);
bool packet_get_u32(struct packet *k, uint32_t *out);
bool packet_get_name(struct packet *k, struct packet_name *out);
bool packet_get_header(struct packet *k, struct packet_header *out);
bool packet_get_question(struct packet *k, struct packet_name *name, uint16_t *type);
bool packet_get_record(struct packet *k, struct packet_record *out);
/* What is left, at least `min` and at most `max` octets. */
bool packet_get_rest(struct packet *k, size_t min, size_t max, struct str *out);
static inline bool packet_is_done(const struct packet *k)
{
	return k->at == k->end;
}

bool packet_name_eq(const struct packet_name *a, const struct packet_name *b);
bool packet_name_is_root(const struct packet_name *name);
/* `text` is a host name (dns-name.h); "" is the root. */
void packet_name_from_host(struct str text, struct packet_name *out);
/* False when it is no host name. */
bool packet_name_to_host(const struct packet_name *name, char out[DNS_NAME_MAX], struct str *text);

#endif
