/* SPDX-License-Identifier: ISC
 *
 * DNS messages for the tests of resolver, put together record by record.
 */
#ifndef POSTERN_TESTS_DNS_PACKET_H
#define POSTERN_TESTS_DNS_PACKET_H

#include "common/buf.h"
#include "resolver/answer.h"

/* Names are text with "\"-free labels; "@" is a pointer to the question's name. */
void dns_put_name(struct buf *b, const char *name);
void dns_begin(struct buf *b, const char *name, uint16_t type, unsigned rcode);
/* One more record in the section that counts at header octet `section`. */
enum { DNS_ANSWERS = 6, DNS_AUTHORITIES = 8, DNS_ADDITIONALS = 10 };
void dns_put_record(struct buf *b, int section, const char *owner, uint16_t type, uint32_t ttl,
    const void *rdata, size_t n);
void dns_put_mx(struct buf *b, const char *owner, uint16_t preference, const char *host);
/* CNAME or PTR. */
void dns_put_alias(struct buf *b, const char *owner, uint16_t type, const char *to);
void dns_put_soa(struct buf *b, const char *owner, uint32_t ttl, uint32_t minimum);

#endif
