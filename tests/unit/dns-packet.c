/* SPDX-License-Identifier: ISC */
#include "tests/unit/dns-packet.h"

#include <check.h>

static void put_u16(struct buf *b, unsigned v)
{
	buf_append_u8(b, (uint8_t)(v >> 8));
	buf_append_u8(b, (uint8_t)v);
}

static void put_u32(struct buf *b, uint32_t v)
{
	put_u16(b, v >> 16);
	put_u16(b, v & 0xffff);
}

void dns_put_name(struct buf *b, const char *name)
{
	struct str rest = str_from_cstr(name);
	if (strcmp(name, "@") == 0) {
		put_u16(b, 0xc00c);
		return;
	}
	while (rest.n > 0) {
		struct str label = str_head(rest, str_find(rest, '.'));
		buf_append_u8(b, (uint8_t)label.n);
		buf_append_str(b, label);
		rest = str_skip(rest, label.n + 1);
	}
	buf_append_u8(b, 0);
}

void dns_begin(struct buf *b, const char *name, uint16_t type, unsigned rcode)
{
	buf_reset(b);
	put_u16(b, 7);
	put_u16(b, 0x8180 | rcode);
	put_u16(b, 1);
	put_u16(b, 0);
	put_u32(b, 0);
	dns_put_name(b, name);
	put_u16(b, type);
	put_u16(b, CLASS_IN);
}

void dns_put_record(struct buf *b, int section, const char *owner, uint16_t type, uint32_t ttl,
    const void *rdata, size_t n)
{
	uint8_t *count = buf_data(b) + section;
	if (++count[1] == 0)
		count[0]++;
	dns_put_name(b, owner);
	put_u16(b, type);
	put_u16(b, CLASS_IN);
	put_u32(b, ttl);
	put_u16(b, (unsigned)n);
	ck_assert(buf_append(b, rdata, n));
}

void dns_put_mx(struct buf *b, const char *owner, uint16_t preference, const char *host)
{
	struct buf rdata = BUF_INIT(1024);
	put_u16(&rdata, preference);
	dns_put_name(&rdata, host);
	dns_put_record(b, DNS_ANSWERS, owner, RR_MX, 300, buf_data(&rdata), buf_len(&rdata));
	buf_release(&rdata);
}

void dns_put_alias(struct buf *b, const char *owner, uint16_t type, const char *to)
{
	struct buf rdata = BUF_INIT(1024);
	dns_put_name(&rdata, to);
	dns_put_record(b, DNS_ANSWERS, owner, type, 200, buf_data(&rdata), buf_len(&rdata));
	buf_release(&rdata);
}

void dns_put_soa(struct buf *b, const char *owner, uint32_t ttl, uint32_t minimum)
{
	struct buf rdata = BUF_INIT(1024);
	dns_put_name(&rdata, "ns.example");
	dns_put_name(&rdata, "@");
	for (uint32_t i = 1; i <= 4; i++)
		put_u32(&rdata, i);
	put_u32(&rdata, minimum);
	dns_put_record(b, DNS_AUTHORITIES, owner, RR_SOA, ttl, buf_data(&rdata), buf_len(&rdata));
	buf_release(&rdata);
}
