/* SPDX-License-Identifier: ISC
 *
 * Any octets as the data of a record of each type (the first octet): what is taken has been
 * taken whole, and is not taken with its last octet missing, where the type has one end only.
 */
#include "resolver/rdata.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const struct packet_name *name)
{
	char text[DNS_NAME_MAX];
	struct str host;
	struct packet_name again;
	if (name->n == 0 || name->n > DNS_WIRE_NAME_MAX || name->p[name->n - 1] != 0)
		abort();
	if (!packet_name_to_host(name, text, &host))
		return;
	packet_name_from_host(host, &again);
	if (!packet_name_eq(name, &again))
		abort();
}

static bool decode(uint8_t which, struct packet rdata)
{
	static struct pool *pool;
	struct packet_name name = {.n = 1};
	struct str text;
	struct tlsa tlsa;
	uint16_t preference;
	uint32_t seconds;
	bool ok;
	if (pool == NULL)
		pool = pool_new(1 << 20);
	pool_reset(pool);
	switch (which % 7) {
	case 0:
		ok = rdata_get_mx(rdata, &preference, &name);
		break;
	case 1:
		ok = rdata_get_name(rdata, &name);
		break;
	case 2:
		return rdata_get_address(rdata, 4, &text);
	case 3:
		return rdata_get_address(rdata, 16, &text);
	case 4:
		return rdata_get_tlsa(rdata, &tlsa);
	case 5:
		ok = rdata_get_txt(rdata, pool, &text);
		if (ok && text.n >= rdata.end - rdata.at)
			abort();
		return ok;
	default:
		return rdata_get_soa_minimum(rdata, &seconds);
	}
	if (ok)
		check_name(&name);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	/* The second octet says where the record begins, so that names can point before it. */
	size_t at = data[1] < size - 2 ? data[1] : size - 2;
	struct packet whole = {.p = data + 2, .at = at, .end = size - 2};
	struct packet cut = whole;
	if (whole.at == whole.end || !decode(data[0], whole))
		return 0;
	cut.end--;
	/* The data of TLSA has any length; the last string of a text may be an empty one. */
	if (data[0] % 7 != 4 && data[0] % 7 != 5 && decode(data[0], cut))
		abort();
	return 0;
}
