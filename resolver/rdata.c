/* SPDX-License-Identifier: ISC
 *
 * Never: read a field before its length is known to be there, or leave octets over.
 */
#include "resolver/rdata.h"

bool rdata_get_mx(struct packet r, uint16_t *preference, struct packet_name *host)
{
	return packet_get_u16(&r, preference) && packet_get_name(&r, host) && packet_is_done(&r);
}

bool rdata_get_name(struct packet r, struct packet_name *name)
{
	return packet_get_name(&r, name) && packet_is_done(&r);
}

bool rdata_get_address(struct packet r, size_t n, struct str *octets)
{
	return packet_get_rest(&r, n, n, octets);
}

bool rdata_get_tlsa(struct packet r, struct tlsa *out)
{
	return packet_get_u8(&r, &out->usage) && packet_get_u8(&r, &out->selector) &&
	       packet_get_u8(&r, &out->matching) &&
	       packet_get_rest(&r, 1, TLSA_DATA_MAX, &out->data);
}

bool rdata_get_txt(struct packet r, struct pool *pool, struct str *text)
{
	uint8_t n;
	size_t length = 0;
	/* Without the strings' lengths it can only get shorter. */
	char *to = pool_alloc(pool, r.end - r.at + 1);
	if (to == NULL || packet_is_done(&r))
		return false;
	while (!packet_is_done(&r)) {
		if (!packet_get_u8(&r, &n) || r.end - r.at < n)
			return false;
		memcpy(to + length, r.p + r.at, n);
		length += n;
		r.at += n;
	}
	*text = str_from(to, length);
	return true;
}

bool rdata_get_soa_minimum(struct packet r, uint32_t *seconds)
{
	struct packet_name name;
	uint32_t serial, refresh, retry, expire;
	return packet_get_name(&r, &name) && packet_get_name(&r, &name) &&
	       packet_get_u32(&r, &serial) && packet_get_u32(&r, &refresh) &&
	       packet_get_u32(&r, &retry) && packet_get_u32(&r, &expire) &&
	       packet_get_u32(&r, seconds) && packet_is_done(&r);
}
