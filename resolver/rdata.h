/* SPDX-License-Identifier: ISC
 *
 * One record's data, one decoder for each type. Each takes the data to its last octet or
 * returns false; what it gives borrows from the message, or from the pool where there is one.
 */
#ifndef POSTERN_RESOLVER_RDATA_H
#define POSTERN_RESOLVER_RDATA_H

#include "common/msg-remote-resolver.h"
#include "resolver/packet.h"

/* RFC 1035 §3.3.9. */
bool rdata_get_mx(struct packet rdata, uint16_t *preference, struct packet_name *host);
/* PTR and CNAME: RFC 1035 §3.3.12, §3.3.1. */
bool rdata_get_name(struct packet rdata, struct packet_name *name);
/* `n` 4 or 16: RFC 1035 §3.4.1, RFC 3596 §2.2. */
bool rdata_get_address(struct packet rdata, size_t n, struct str *octets);
/* RFC 6698 §2.1. At least one octet of data, at most TLSA_DATA_MAX. */
bool rdata_get_tlsa(struct packet rdata, struct tlsa *out);
/* RFC 1035 §3.3.14: one or more strings, put together as RFC 7208 §3.3 has it; of any length. */
bool rdata_get_txt(struct packet rdata, struct pool *pool, struct str *text);
/* RFC 2308 §3: how long "there is nothing" holds, as the zone says it. */
bool rdata_get_soa_minimum(struct packet rdata, uint32_t *seconds);

#endif
